-- A moment in an incoming event; what is not one makes the event malformed.
create or replace function internal.event_moment(p_event jsonb, p_member text) returns timestamptz
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
    return internal.event_member(p_event, p_member, 'string', false)::timestamptz;
exception
    when invalid_datetime_format or datetime_field_overflow or invalid_parameter_value then
        perform internal.raise_error('LP017', format('%s is %L.', p_member, left(p_event ->> p_member, 100)));
        return null;
end
$$;
comment on function internal.event_moment(jsonb, text) is
    'A timestamp member of an incoming event, null if absent. Errors: LP017.';
revoke all on function internal.event_moment(jsonb, text) from public;
