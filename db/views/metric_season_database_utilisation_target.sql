-- How full the database may be run now, for the exporter: the alert goes by the season's plan, as the calculator does.
create or replace view public.metric_season_database_utilisation_target as
select n.database_utilisation::double precision as value
from public.season_at(now()) as n;
comment on view public.metric_season_database_utilisation_target is
    'Share of the database''s capacity that may be used as of now; out of season the mildest of the plans.';
grant select on public.metric_season_database_utilisation_target to lead_exporter, lead_operations;
