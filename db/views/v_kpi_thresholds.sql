-- The targets as they hold now: a peak season has its own for samples, an installation its own for cost.
create or replace view public.v_kpi_thresholds as
select
    t.kpi,
    t.comparison,
    case
        when t.kpi = 'sample_success' and s.is_peak then 100 * s.sample_success_target
        when t.kpi = 'cost_per_lead' then coalesce(b.value::numeric, t.threshold)
        when t.kpi = 'catering_response' then coalesce(extract(epoch from c.value::interval), t.threshold)
        else t.threshold
    end as threshold,
    case
        when t.kpi = 'sample_success' and s.is_peak then least(t.tolerated, 100 * s.sample_success_target)
        else t.tolerated
    end as tolerated,
    t.unit,
    t.description
from public.kpi_thresholds as t
cross join public.v_current_season as s
left join public.settings as b on b.name = 'cost_per_lead_budget'
left join public.settings as c on c.name = 'catering_sla';
comment on view public.v_kpi_thresholds is
    'Targets as of now(), a row a KPI: OK while value comparison threshold holds, WARN up to tolerated, BREACH beyond.';
grant select on public.v_kpi_thresholds to lead_operations, grafana_reader;
