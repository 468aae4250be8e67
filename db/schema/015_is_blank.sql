-- A reason that nobody can see is none. Used by checks, hence here.
create or replace function internal.is_blank(p_text text) returns boolean
language sql
immutable parallel safe
return coalesce(p_text !~ '[^[:space:]\u0085\u00A0\u1680\u180E\u2000-\u200F\u2028\u2029\u202F\u205F\u2060\u3000\uFEFF]', true);
comment on function internal.is_blank(text) is 'Whether a text is null, empty, or all blanks, visible to nobody.';
revoke all on function internal.is_blank(text) from public;
