-- From the snapshot.
create or replace view public.metric_lead_holds_active as
select g.value
from internal.figure_gauges as g
where g.figure = 'lead_holds_active';
comment on view public.metric_lead_holds_active is 'Holds that stop a running protection.';
grant select on public.metric_lead_holds_active to lead_exporter, lead_operations;
