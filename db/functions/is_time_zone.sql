-- Asking for one costs microseconds; pg_timezone_names reads all the time zone files of the server.
create or replace function internal.is_time_zone(p_name text) returns boolean
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
    perform timezone(p_name, now());
    return true;
exception
    when invalid_parameter_value then
        return false;
end
$$;
comment on function internal.is_time_zone(text) is 'Whether the server can tell the time in this time zone.';
revoke all on function internal.is_time_zone(text) from public;
