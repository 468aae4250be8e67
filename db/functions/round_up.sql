-- There are whole instances only. Rounded before it is rounded up: 1/6 of a second must not cost an instance more.
create or replace function internal.round_up(p_count numeric) returns bigint
language sql
immutable parallel safe
return ceil(round(p_count, 6))::bigint;
comment on function internal.round_up(numeric) is 'The next whole number; up to half a millionth above one is that one.';
revoke all on function internal.round_up(numeric) from public;
