-- What is rehearsed for a season: its name as it is written, and its load.
-- security definer: operations ask by any spelling that the other functions take.
create or replace function public.season_load(season text) returns table (season_name text, load_multiplier numeric)
language sql
stable
security definer
rows 1
set search_path = pg_catalog, pg_temp
as $$
    select p.season, p.load_multiplier from internal.season_profile(season_load.season) as p
$$;
comment on function public.season_load(text) is
    'Name and load multiplier of a season, in any case; off-season (also for null) has 1. Errors: LP037 unknown season.';
revoke all on function public.season_load(text) from public;
grant execute on function public.season_load(text) to lead_operations;
