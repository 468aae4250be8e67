-- How much load each season brings, for the exporter.
create or replace view public.metric_season_load_multiplier as
select
    s.season,
    s.load_multiplier::double precision as value
from public.seasons as s;
comment on view public.metric_season_load_multiplier is 'Load of each season against an ordinary day.';
grant select on public.metric_season_load_multiplier to lead_exporter, lead_operations;
