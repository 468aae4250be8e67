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
        return row('off-season', null, null, 1, 0.60, 0.75, 0.70, 0.85)::public.seasons;
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
