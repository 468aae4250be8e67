-- The one place that says how long an answer may take. In seconds, so that no session's zone has a say.
create or replace function internal.catering_sla() returns interval
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
    select make_interval(secs => extract(epoch from s.value::interval)::double precision)
      from public.settings as s
     where s.name = 'catering_sla'
$$;
comment on function internal.catering_sla() is
    'Setting catering_sla: an answer at or after requested_at plus this is too late; null without the setting: none is.';
revoke all on function internal.catering_sla() from public;
