-- A month is 28 to 31 days: what has parts of both signs leads ahead from one day and back from another. Used by
-- checks, hence here.
create or replace function internal.is_forward(p_interval interval) returns boolean
language sql
immutable parallel safe
return least(
    extract(year from p_interval), extract(month from p_interval), extract(day from p_interval),
    extract(hour from p_interval), extract(minute from p_interval), extract(second from p_interval)
) >= 0 and p_interval > interval '0';
comment on function internal.is_forward(interval) is
    'Whether an interval leads ahead from any moment: its months, days and time are positive or zero, not all zero.';
revoke all on function internal.is_forward(interval) from public;
