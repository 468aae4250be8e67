-- The narrow row is stored once and read for months: whenever it was computed, it must show what a
-- computation of this moment shows. Histories are drawn from a fixed seed.
begin;
select plan(5);
set local time zone 'Europe/Berlin';
select setseed(0.6102);

insert into leads (id, user_id, created_at)
select i, 7, timestamptz '2025-01-10 09:00' + random() * interval '20 days' from generate_series(1, 60) as i;
insert into lead_activities (lead_id, user_id, activity_type, occurred_at)
select i, 7, 'QUALIFIED_CALL', timestamptz '2025-01-15 00:00' + random() * interval '120 days'
  from generate_series(1, 60) as i cross join generate_series(1, 2) where random() < 0.6;
do $$
declare
    v_from timestamptz;
begin
    for i in 1 .. 60 loop
        for n in 1 .. 2 loop
            begin
                v_from := timestamptz '2025-01-30 00:00' + random() * interval '120 days';
                if random() < 0.6 then
                    insert into public.lead_holds (lead_id, user_id, reason, start_at, end_at)
                    values (i, 7, 'x', v_from, case when random() < 0.7 then v_from + random() * interval '30 days' end);
                end if;
            exception when sqlstate 'LP003' then null;
            end;
        end loop;
        insert into public.lead_reminders (lead_id, user_id, window_start, due_at, sent_at)
        select i, 7, timezone('Europe/Berlin', p.reminder_due_at)::date, p.reminder_due_at, t
          from (select timestamptz '2025-03-20 00:00' + random() * interval '120 days' as t) as x
         cross join lateral lead_protection_at(i, t) as p
         where p.state = 'REMINDER_DUE';
        -- Reminders on R's local date but before R, and a hold right after them.
        if i % 6 = 0 then
            insert into public.lead_reminders (lead_id, user_id, window_start, due_at, sent_at)
            select i, 7, timezone('Europe/Berlin', p.reminder_due_at)::date, p.reminder_due_at, p.reminder_due_at - interval '1 hour'
              from lead_protection_at(i, '2025-02-01') as p
            on conflict do nothing;
            begin
                insert into public.lead_holds (lead_id, user_id, reason, start_at)
                select i, 7, 'just before R', p.reminder_due_at - interval '30 minutes' from lead_protection_at(i, '2025-02-01') as p;
            exception when sqlstate 'LP003' then null;
            end;
        end if;
    end loop;
end
$$;
select ok((select count(*) from lead_holds) > 40 and (select count(*) from lead_reminders where sent_at is not null) > 15, 'there are holds and sent reminders');
select is_empty('select * from verify_lead_protection() where lead_id <= 60', 'what is stored now is what the facts come to');

-- Every change of a fact in the lead's history is a moment at which the row would have been stored anew.
create temp table moments as
select p.id as period_id, p.lead_id, m.at, lead(m.at, 1, timestamptz '2026-01-01') over (partition by p.id order by m.at) as next_at
  from lead_protection_periods as p
 cross join lateral (
     select p.started_at union select occurred_at from lead_activities as a where a.lead_id = p.lead_id and a.occurred_at > p.started_at
      union select sent_at from lead_reminders as r where r.lead_id = p.lead_id and r.sent_at > p.started_at
      union select start_at from lead_holds as h where h.lead_id = p.lead_id and h.start_at > p.started_at
 ) as m (at)
 where p.lead_id <= 60;
create temp table answers as
select m.lead_id, m.at as stored_at, x.at,
       to_jsonb(r) as shown, to_jsonb(p) as computed
  from moments as m
  join lead_protection_periods as q on q.id = m.period_id
 cross join lateral internal.evaluate_period(q, m.at) as c
 cross join lateral (
     select m.at + (m.next_at - m.at) * f as at from unnest(array[0, 0.001, 0.01, 0.1, 0.25, 0.5, 0.75, 0.9, 0.999]) as f
 ) as x
 cross join lateral lead_protection_at(m.lead_id, x.at) as p
 cross join lateral internal.protection_row(c, x.at) as r;
select ok((select count(*) from answers) > 1000, 'rows are read at a thousand later moments');
select is_empty(
    $$select lead_id, stored_at, at, shown ->> 'state', computed ->> 'state' from answers where lead_id % 6 <> 0 and shown <> computed$$,
    'a row stored then shows at each what is computed then'
);
select is_empty(
    $$select lead_id, stored_at, at, shown ->> 'state', computed ->> 'state' from answers where lead_id % 6 = 0 and shown <> computed$$,
    'so does one whose reminder was sent just before R, while an open hold moves R past the reminder''s window'
);

select * from finish();
rollback;
