-- Calendar intervals are added in the policy's time zone, never the session's: 31 August + 6 months is
-- the end of February, and a deadline keeps its wall-clock hour across a DST change.
create or replace function internal.add_local(p_at timestamptz, p_interval interval, p_time_zone text)
returns timestamptz
language sql
immutable parallel safe
return timezone(p_time_zone, timezone(p_time_zone, p_at) + p_interval);
comment on function internal.add_local(timestamptz, interval, text) is
    'add_local of docs/rules.md: p_at plus a calendar interval in a time zone; the gap and the double hour resolve as AT TIME ZONE does.';
revoke all on function internal.add_local(timestamptz, interval, text) from public;
