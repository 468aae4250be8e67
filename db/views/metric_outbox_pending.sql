-- Read live. Beyond a hundred thousand the planner's estimate is good enough: a scrape must not take long because
-- the sink is down.
create or replace view public.metric_outbox_pending as
select
    (case when n.counted < 100000 then n.counted else greatest(n.counted, c.reltuples) end)::double precision as value
from (select count(*) as counted from (select from public.outbox limit 100000) as o) as n
inner join pg_catalog.pg_class as c on c.oid = 'public.outbox'::regclass;
comment on view public.metric_outbox_pending is 'Events not yet published; beyond 100000 an estimate.';
grant select on public.metric_outbox_pending to lead_exporter, lead_operations;
