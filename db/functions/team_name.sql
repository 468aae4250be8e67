-- A team is known by a text that people type: blanks around it do not make another team, nothing visible is none.
create or replace function internal.team_name(p_team text) returns text
language sql
immutable parallel safe
return case when not internal.is_blank(p_team) then internal.event_word(btrim(p_team)) end;
comment on function internal.team_name(text) is 'The team as figures and events name it, at most 200 characters; null for none.';
revoke all on function internal.team_name(text) from public;
