-- Moments in events are text in one form, whatever the session's DateStyle and zone.
-- stable, as to_char is: so that it is inlined.
create or replace function internal.format_rfc3339(p_at timestamptz) returns text
language sql
stable parallel safe
return to_char(timezone('UTC', p_at), 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"');
comment on function internal.format_rfc3339(timestamptz) is 'RFC 3339 in UTC with microseconds.';
revoke all on function internal.format_rfc3339(timestamptz) from public;
