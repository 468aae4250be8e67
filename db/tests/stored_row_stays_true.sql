-- The narrow row is stored once and read for months: whenever it was computed, it must show what a
-- computation of this moment shows. Histories are drawn from a fixed seed.
begin;
select plan(8);
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
-- A hold from the very moment of R on, or of the end of a grace: it had passed, and stays.
insert into leads (id, user_id, created_at) values (61, 7, '2025-01-10 09:00'), (62, 7, '2025-01-10 09:00');
insert into lead_holds (lead_id, user_id, reason, start_at) values (61, 7, 'at R', '2025-03-11 09:00'), (62, 7, 'at G', '2025-03-22 09:00');
insert into lead_reminders (lead_id, user_id, window_start, due_at, sent_at) values (62, 7, '2025-03-11', '2025-03-11 09:00', '2025-03-12 09:00');
select ok((select count(*) from lead_holds) > 40 and (select count(*) from lead_reminders where sent_at is not null) > 15, 'there are holds and sent reminders');
select is_empty('select * from verify_lead_protection() where lead_id <= 62', 'what is stored now is what the facts come to');

-- Every change of a fact in the lead's history is a moment at which the row would have been stored anew.
create temp table moments as
select p.id as period_id, p.lead_id, m.at, lead(m.at, 1, timestamptz '2026-01-01') over (partition by p.id order by m.at) as next_at
  from lead_protection_periods as p
 cross join lateral (
     select p.started_at union select occurred_at from lead_activities as a where a.lead_id = p.lead_id and a.occurred_at > p.started_at
      union select sent_at from lead_reminders as r where r.lead_id = p.lead_id and r.sent_at > p.started_at
      union select start_at from lead_holds as h where h.lead_id = p.lead_id and h.start_at > p.started_at
 ) as m (at)
 where p.lead_id <= 62;
-- Beside moments on the way, those at which the row itself says that something changes.
create temp table answers as
select m.lead_id, m.at as stored_at, x.at, x.at < c.steady_until as is_steady, c as stored, internal.state_at(c, x.at) as state,
       to_jsonb(r) as shown, to_jsonb(p) as computed
  from moments as m
  join lead_protection_periods as q on q.id = m.period_id
 cross join lateral internal.evaluate_period(q, m.at) as c
 cross join lateral (
     select m.at + (m.next_at - m.at) * f as at from unnest(array[0, 0.001, 0.01, 0.1, 0.25, 0.5, 0.75, 0.9, 0.999]) as f
      union
     select d.at from unnest(array[c.reminder_due_at, c.grace_ends_at, c.base_expires_at, c.steady_until, c.held_until]) as d (at)
      where d.at >= m.at and d.at < m.next_at
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

-- What v_user_lead_protection shows without computing it, and what the figures count by.
select ok((select count(*) filter (where is_steady) > 500 and count(*) filter (where is_steady and (stored).held_until is not null) > 20 from answers), 'most rows are read while they are steady');
select is_empty(
    $$select a.lead_id, a.stored_at, a.at, d.key, d.value, a.computed -> d.key
        from answers as a
       cross join lateral (values ((a.stored).protection_expires_at)) as s (expires_at)
       cross join lateral jsonb_each(jsonb_build_object(
             'state', (a.stored).state, 'protection_expires_at', s.expires_at, 'days_remaining', internal.days_between(a.at, s.expires_at),
             'base_expires_at', (a.stored).base_expires_at, 'reminder_due_at', (a.stored).reminder_due_at, 'reminder_sent_at', (a.stored).reminder_sent_at,
             'grace_ends_at', (a.stored).grace_ends_at, 'clock_stopped_since', (a.stored).held_since, 'hold_until', (a.stored).held_until,
             'end_reason', (a.stored).end_reason
             )) as d
       where a.is_steady and d.value is distinct from a.computed -> d.key$$,
    'a steady row shows as it is stored, until the moment that it names'
);
select is_empty($$select lead_id, stored_at, at, state, computed ->> 'state' from answers where state is distinct from computed ->> 'state'$$, 'the state that is counted is the one that is shown');

select * from finish();
rollback;
