-- Asking for one costs microseconds; pg_timezone_names reads all the time zone files of the server. An abbreviation
-- (CET) and a rule (FOO3) are taken, too, but stay at their offset from UTC in summer: they are none.
create or replace function internal.is_time_zone(p_name text) returns boolean
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
    perform timezone(p_name, now());
    return p_name in ('UTC', 'GMT') or p_name ~ '^[A-Za-z_]+(/|$)'
        and not exists (select from pg_timezone_abbrevs as a where a.abbrev = upper(p_name));
exception
    when invalid_parameter_value then
        return false;
end
$$;
comment on function internal.is_time_zone(text) is 'Whether the server knows a time zone of this name, with its summer time.';
revoke all on function internal.is_time_zone(text) from public;
