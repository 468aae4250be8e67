-- A moment in an incoming event; what is not one makes the event malformed.
create or replace function internal.event_moment(p_event jsonb, p_member text, p_is_required boolean)
returns timestamptz
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
    v_text constant text := internal.event_member(p_event, p_member, 'string', p_is_required);
begin
    -- With its offset: without one it would be read in the session's zone.
    if v_text !~* '^[0-9]{4}(-[0-9]{2}){2}[t ][0-9]{2}(:[0-9]{2}){2}([.][0-9]+)?(z|[+-][0-9]{2}(:?[0-9]{2})?)$' and v_text !~ 'infinity' then
        perform internal.raise_error('LP017', format('%s is %L.', p_member, left(v_text, 100)));
    end if;
    return v_text::timestamptz;
exception
    when invalid_datetime_format or datetime_field_overflow or invalid_parameter_value
        or invalid_time_zone_displacement_value
    then
        perform internal.raise_error('LP017', format('%s is %L.', p_member, left(p_event ->> p_member, 100)));
        return null;
end
$$;
comment on function internal.event_moment(jsonb, text, boolean) is
    'A timestamp member of an incoming event, null if absent and not required. Errors: LP017.';
revoke all on function internal.event_moment(jsonb, text, boolean) from public;
