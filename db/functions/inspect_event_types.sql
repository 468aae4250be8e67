-- Does the check of the outbox know every type that is registered? Migrate loads both: this is its own work.
create or replace function internal.inspect_event_types() returns setof public.readiness_finding
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
    select 'event types', case when count(*) > count(p.event_type) then 'FAIL' else 'OK' end,
           format('%s registered, %s of them not compiled', count(*), count(*) - count(p.event_type)),
           case when count(*) > count(p.event_type) then 'Run leadguard migrate.' end
      from public.event_types as r
      left join internal.event_patterns as p on p.event_type = r.event_type and p.version = r.version
$$;
comment on function internal.inspect_event_types() is 'Finding on the registry of events.';
revoke all on function internal.inspect_event_types() from public;
