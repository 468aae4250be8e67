-- Cost per lead as a person reads it; cost_per_lead() is the rule.
create or replace view public.monitoring_cost_per_lead as
select
    'cost_per_lead'::text as kpi,
    coalesce(c.team, 'all') || ' ' || c.time_window as dimension,
    c.cost_per_lead_eur as value,
    'EUR'::text as unit,
    c.budget_eur as threshold,
    public.kpi_status(c.cost_per_lead_eur, t.comparison, c.budget_eur, t.tolerated) as status
from public.cost_per_lead(now()) as c
left join public.v_kpi_thresholds as t on t.kpi = 'cost_per_lead';
comment on view public.monitoring_cost_per_lead is
    'Cost per new lead by team (all: the company) and window, against its budget.';
grant select on public.monitoring_cost_per_lead to lead_operations, grafana_reader;
