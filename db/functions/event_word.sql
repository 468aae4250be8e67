-- What modules call a thing may be of any length, an event may not: nobody is refused for a long word.
create or replace function internal.event_word(p_text text) returns text
language sql
immutable parallel safe
return left(p_text, 200);
comment on function internal.event_word(text) is 'A module''s word as events carry it: its first 200 characters.';
revoke all on function internal.event_word(text) from public;
