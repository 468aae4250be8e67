-- From the snapshot: counted when the breach was recorded, answered since or not. Events that were
-- answered in time only stand at 0: a counter that comes into being at 1 has not risen, as Prometheus sees it.
create or replace view public.metric_event_catering_sla_breaches_total as
select
    e.event_type,
    coalesce(c.amount, 0)::double precision as value
from (
    select h.label_1 as event_type
    from internal.figure_histograms as h
    where h.figure = 'event_catering_sla_seconds'
    union
    select b.label_1
    from internal.figure_counters as b
    where b.figure = 'event_catering_sla_breaches_total'
) as e
left join internal.figure_counters as c
    on c.figure = 'event_catering_sla_breaches_total' and e.event_type = c.label_1 and c.label_2 = '';
comment on view public.metric_event_catering_sla_breaches_total is 'Catering requests whose answer was due and had not been given.';
grant select on public.metric_event_catering_sla_breaches_total to lead_exporter, lead_operations;
