-- From the snapshot: what the leads that are there have counted, and what others have left.
create or replace view public.metric_lead_qualified_activity_total as
select (c.amount + coalesce(g.value, 0))::double precision as value
from internal.figure_counters as c
left join internal.figure_gauges as g on g.figure = 'lead_qualified_activity_live'
where c.figure = 'lead_qualified_activity_total';
comment on view public.metric_lead_qualified_activity_total is 'Activities of a qualified type that were entered.';
grant select on public.metric_lead_qualified_activity_total to lead_exporter, lead_operations;
