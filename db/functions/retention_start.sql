-- What is older than a retention setting leaves; the settings themselves are a day at least.
create or replace function internal.retention_start(p_setting text) returns timestamptz
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
    select timezone('UTC', timezone('UTC', now()) - s.value::interval)
      from public.settings as s
     where s.name = p_setting
$$;
comment on function internal.retention_start(text) is
    'The moment before which rows may go by a setting ..._retention (days as of UTC); null without the setting: nothing goes.';
revoke all on function internal.retention_start(text) from public;
