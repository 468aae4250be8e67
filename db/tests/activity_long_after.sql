-- A row is stored when a fact comes in, and may lie untouched for weeks while a planned release passes. The
-- activity that comes then must leave what a computation of this moment leaves. Drawn from a fixed seed.
begin;
select plan(4);
set local time zone 'Europe/Berlin';
select setseed(0.2711);

insert into leads (id, user_id, created_at)
select i, 7, now() - interval '20 days' - random() * interval '60 days' from generate_series(1, 120) as i;
insert into lead_activities (lead_id, user_id, activity_type, occurred_at)
select l.id, 7, 'QUALIFIED_CALL', l.created_at + random() * (now() - l.created_at) from leads as l where l.id <= 120 and random() < 0.5;
do $$
declare
    v_lead record;
begin
    for v_lead in select l.id, l.created_at from public.leads as l cross join generate_series(1, 2) where l.id <= 120 loop
        begin
            insert into public.lead_holds (lead_id, user_id, reason, start_at, end_at)
            select v_lead.id, 7, 'x', f.start_at, case when random() < 0.8 then f.start_at + random() * interval '20 days' end
              from (select v_lead.created_at + random() * (now() - v_lead.created_at) as start_at) as f
             where random() < 0.6;
        exception when sqlstate 'LP003' then null;
        end;
    end loop;
end
$$;

-- Each row as it was stored when its latest fact came in.
select internal.store_clocks(internal.clocks_at(l.id, greatest(
           l.created_at, (select max(a.occurred_at) from lead_activities as a where a.lead_id = l.id),
           (select max(h.start_at) from lead_holds as h where h.lead_id = l.id)
       )))
  from leads as l where l.id <= 120 \g /dev/null
select ok(
    (select count(*) from internal.lead_clocks as c where c.lead_id <= 120 and c.held_until < now()) > 5,
    'there are rows stored before a planned release that has passed since'
);
select ok(
    (select count(*) from internal.lead_clocks as c where c.lead_id <= 120 and c.held_until = 'infinity' and c.state = 'PROTECTED') > 5,
    'and rows of leads on hold'
);
insert into lead_activities (lead_id, user_id, activity_type) select i, 7, 'QUALIFIED_CALL' from generate_series(1, 60) as i;
select is_empty('select * from verify_lead_protection() where lead_id <= 60', 'many activities at once leave what the facts come to');
do $$
begin
    for i in 61 .. 120 loop
        insert into public.lead_activities (lead_id, user_id, activity_type) values (i, 7, 'QUALIFIED_CALL');
    end loop;
end
$$;
select is_empty('select * from verify_lead_protection() where lead_id between 61 and 120', 'so do single ones');

select * from finish();
rollback;
