-- From the snapshot: counted when the event came into the archive.
create or replace view public.metric_outbox_published_total as
select
    c.label_1 as event_type,
    c.amount::double precision as value
from internal.figure_counters as c
where c.figure = 'outbox_published_total';
comment on view public.metric_outbox_published_total is 'Events published.';
grant select on public.metric_outbox_published_total to lead_exporter, lead_operations;
