-- Read live, so that alerts go by the same targets as people do, and by the season's.
create or replace view public.metric_leadguard_kpi_threshold as
select
    t.kpi,
    t.threshold::double precision as value
from public.v_kpi_thresholds as t;
comment on view public.metric_leadguard_kpi_threshold is 'Targets of the figures as they hold now (v_kpi_thresholds), in the unit that stands there.';
grant select on public.metric_leadguard_kpi_threshold to lead_exporter, lead_operations;
