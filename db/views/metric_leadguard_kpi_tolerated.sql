-- Beside the target: what is still tolerated, for alerts that are critical beyond it.
create or replace view public.metric_leadguard_kpi_tolerated as
select
    t.kpi,
    t.tolerated::double precision as value
from public.v_kpi_thresholds as t
where t.tolerated is not null;
comment on view public.metric_leadguard_kpi_tolerated is 'What is still tolerated of the figures as of now (v_kpi_thresholds), in the unit that stands there.';
grant select on public.metric_leadguard_kpi_tolerated to lead_exporter, lead_operations;
