-- What a season asks for; out of season the load is the baseline itself, with the mildest of the targets.
create or replace function internal.season_profile(p_season text) returns public.seasons
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
    v_season public.seasons;
begin
    if coalesce(p_season, 'off-season') = 'off-season' then
        v_season.season := 'off-season';
        v_season.load_multiplier := 1;
        v_season.app_utilisation := 0.60;
        v_season.worker_utilisation := 0.75;
        v_season.database_utilisation := 0.70;
        v_season.sample_success_target := 0.85;
        return v_season;
    end if;
    select s.* into v_season from public.seasons as s where lower(s.season) = lower(btrim(p_season));
    if not found then
        perform internal.raise_error('LP037', format('The season given is %L.', left(p_season, 100)));
    end if;
    return v_season;
end
$$;
comment on function internal.season_profile(text) is
    'The season of a name, in any case; off-season (also for null) has no months and multiplier 1. Errors: LP037.';
revoke all on function internal.season_profile(text) from public;
