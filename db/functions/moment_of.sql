-- A moment in JSON from outside: text that PostgreSQL reads as a timestamp, within the years that count.
create or replace function internal.moment_of(p_json jsonb, p_key text) returns timestamptz
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
    if jsonb_typeof(p_json) <> 'object' then
        perform internal.raise_error('LP016', format('Not an object: %s.', left(p_json::text, 500)));
    end if;
    if jsonb_typeof(coalesce(p_json -> p_key, 'null')) not in ('string', 'null') then
        perform internal.raise_error('LP016', format('%s is %s.', p_key, left((p_json -> p_key)::text, 100)));
    end if;
    return internal.checked_moment((p_json ->> p_key)::timestamptz, p_key, true);
exception
    when invalid_datetime_format or datetime_field_overflow or invalid_parameter_value
        or invalid_time_zone_displacement_value
    then
        perform internal.raise_error('LP016', format('%s is %L.', p_key, left(p_json ->> p_key, 100)));
        return null;
end
$$;
comment on function internal.moment_of(jsonb, text) is
    'A timestamp member of a JSON object, null if absent. Errors: LP006 out of range, LP016 not a timestamp.';
revoke all on function internal.moment_of(jsonb, text) from public;
