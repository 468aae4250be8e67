-- Which season it is now, and which comes next: what thresholds and dashboards go by.
create or replace view public.v_current_season as
select
    s.season,
    s.is_peak,
    s.load_multiplier,
    s.app_utilisation,
    s.worker_utilisation,
    s.database_utilisation,
    s.sample_success_target,
    s.started_at,
    s.ends_at,
    s.next_season,
    s.next_load_multiplier,
    s.next_starts_at
from public.season_at(now()) as s;
comment on view public.v_current_season is
    'One row: the season as of now(), or off-season (multiplier 1), its targets, and the next season with its start.';
grant select on public.v_current_season to lead_operations, grafana_reader;
