-- A figure in a sentence: no more digits than are worth reading.
create or replace function internal.figure(p_figure numeric) returns text
language sql
immutable parallel safe
return trim_scale(round(p_figure, 4))::text;
comment on function internal.figure(numeric) is 'The figure with up to four decimals, without noughts at the end.';
revoke all on function internal.figure(numeric) from public;
