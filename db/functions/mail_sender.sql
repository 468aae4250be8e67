-- The worker has no right on the settings, and is to say why it sends nothing.
-- security definer: reads a setting.
create or replace function public.mail_sender() returns text
language sql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
    select nullif(s.value, '') from public.settings as s where s.name = 'mail_from'
$$;
comment on function public.mail_sender() is 'Who reminder mail is from (the setting mail_from); null: mail is not configured.';
revoke all on function public.mail_sender() from public;
grant execute on function public.mail_sender() to lead_worker, lead_operations;
