-- From the snapshot: counted when the breach was recorded, answered since or not.
create or replace view public.metric_event_catering_sla_breaches_total as
select
    c.label_1 as event_type,
    c.amount::double precision as value
from internal.figure_counters as c
where c.figure = 'event_catering_sla_breaches_total';
comment on view public.metric_event_catering_sla_breaches_total is 'Catering requests whose answer was due and had not been given.';
grant select on public.metric_event_catering_sla_breaches_total to lead_exporter;
