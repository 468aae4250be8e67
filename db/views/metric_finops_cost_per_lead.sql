-- From the snapshot, which asks cost_per_lead().
create or replace view public.metric_finops_cost_per_lead as
select
    g.label_1 as team,
    g.label_2 as time_window,
    g.value
from internal.figure_gauges as g
where g.figure = 'finops_cost_per_lead';
comment on view public.metric_finops_cost_per_lead is 'Cost per new lead in EUR; team all: the whole company.';
grant select on public.metric_finops_cost_per_lead to lead_exporter, lead_operations;
