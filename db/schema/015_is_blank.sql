-- A reason that nobody can see is none. Used by checks, hence here.
create or replace function internal.is_blank(p_text text) returns boolean
language sql
immutable parallel safe
return coalesce(
    p_text !~ (
        '[^[:space:]\u0085\u00A0\u00AD\u034F\u061C\u115F\u1160\u1680\u180E\u2000-\u200F\u2028-\u202F'
        || '\u205F-\u206F\u2800\u3000\u3164\uFE00-\uFE0F\uFEFF\uFFA0]'
    ),
    true
);
comment on function internal.is_blank(text) is 'Whether a text is null, empty, or all blanks, visible to nobody.';
revoke all on function internal.is_blank(text) from public;
