-- Amounts among the settings; the table has checked that they are some.
create or replace function internal.amount_setting(p_name text) returns numeric
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
    select s.value::numeric from public.settings as s where s.name = p_name
$$;
comment on function internal.amount_setting(text) is 'A setting in EUR; null without it.';
revoke all on function internal.amount_setting(text) from public;
