-- A clock that started at p_from runs out after p_interval, longer by every hold that stopped it.
-- A hold that begins once the clock has run out revives nothing.
create or replace function internal.deadline(
    p_from timestamptz,
    p_interval interval,
    p_time_zone text,
    p_holds tstzmultirange
) returns timestamptz
language plpgsql
immutable parallel safe
set search_path = pg_catalog, pg_temp
as $$
declare
    v_deadline timestamptz := internal.add_local(p_from, p_interval, p_time_zone);
    v_hold tstzrange;
begin
    -- Mostly no hold stops this clock, and the walk is dear.
    if p_holds is null or not p_holds && tstzrange(p_from, greatest(p_from, v_deadline)) then
        return v_deadline;
    end if;
    -- A multirange is merged and ordered: overlapping time counts once.
    for v_hold in select h.hold from unnest(p_holds) as h (hold) where upper(h.hold) > p_from
    loop
        exit when greatest(lower(v_hold), p_from) >= v_deadline;
        v_deadline := internal.add_elapsed(v_deadline, greatest(lower(v_hold), p_from), upper(v_hold));
    end loop;
    return v_deadline;
end
$$;
comment on function internal.deadline(timestamptz, interval, text, tstzmultirange) is
    'deadline(t, i) of docs/rules.md, given holds that all have an end.';
revoke all on function internal.deadline(timestamptz, interval, text, tstzmultirange) from public;
