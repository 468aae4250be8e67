-- From the snapshot, which asks cost_per_lead().
create or replace view public.metric_finops_cost_per_lead_budget as
select
    g.label_1 as team,
    g.label_2 as time_window,
    g.value
from internal.figure_gauges as g
where g.figure = 'finops_cost_per_lead_budget';
comment on view public.metric_finops_cost_per_lead_budget is 'What a new lead may cost in EUR.';
grant select on public.metric_finops_cost_per_lead_budget to lead_exporter, lead_operations;
