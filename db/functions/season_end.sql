-- A season is whole months, and may run over New Year: where it ends is said here alone.
create or replace function internal.season_end(p_first_month integer, p_last_month integer, p_year integer) returns date
language sql
immutable parallel safe
return (make_date(p_year + (p_last_month < p_first_month)::integer, p_last_month, 1) + interval '1 month')::date;
comment on function internal.season_end(integer, integer, integer) is
    'The day after the last of a season that begins in p_year; null where it has no months.';
revoke all on function internal.season_end(integer, integer, integer) from public;
