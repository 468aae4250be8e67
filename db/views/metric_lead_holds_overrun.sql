-- From the snapshot.
create or replace view public.metric_lead_holds_overrun as
select g.value
from internal.figure_gauges as g
where g.figure = 'lead_holds_overrun';
comment on view public.metric_lead_holds_overrun is 'Active holds that last longer than the contract allows (max_hold).';
grant select on public.metric_lead_holds_overrun to lead_exporter, lead_operations;
