-- Which season is planned for where none is named: the one that runs, else the one that comes.
create or replace function internal.choose_season(p_season text) returns public.seasons
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
    select p.*
      from public.season_at(now()) as n
     cross join lateral internal.season_profile(
           coalesce(p_season, case when n.is_peak then n.season else n.next_season end)
           ) as p
$$;
comment on function internal.choose_season(text) is
    'The season of a name as season_profile knows it; for null the one of now(), out of season the next one, off-season where there is none. Errors: LP037.';
revoke all on function internal.choose_season(text) from public;
