-- Read live: figures that nobody counts any more look well for ever. Never counted: as old as can be.
create or replace view public.metric_leadguard_snapshot_age_seconds as
select greatest(coalesce(extract(epoch from now() - f.taken_at), 'Infinity'), 0)::double precision as value
from internal.figure_snapshot as f;
comment on view public.metric_leadguard_snapshot_age_seconds is
    'Age of the figures that leadguard refresh counts; +Inf: never counted.';
grant select on public.metric_leadguard_snapshot_age_seconds to lead_exporter, lead_operations;
