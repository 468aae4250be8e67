-- From the snapshot: observed when the request was first answered.
create or replace view public.metric_event_catering_sla_seconds as
select
    h.label_1 as event_type,
    h.label_2 as capacity_tier,
    k.bounds,
    h.counts,
    h.count,
    h.sum
from internal.figure_histograms as h
inner join internal.figure_kinds as k on h.figure = k.figure
where h.figure = 'event_catering_sla_seconds';
comment on view public.metric_event_catering_sla_seconds is 'From a catering request to its first answer.';
grant select on public.metric_event_catering_sla_seconds to lead_exporter, lead_operations;
