-- Which season it is, for the exporter: thresholds of alerts depend on it.
create or replace view public.metric_season_active as
select
    s.season,
    (s.season = n.season)::integer::double precision as value
from public.seasons as s
cross join public.season_at(now()) as n;
comment on view public.metric_season_active is 'Whether it is this season now (1) or not (0); out of season all are 0.';
grant select on public.metric_season_active to lead_exporter, lead_operations;
