-- Is what waits to go out what its type promises? The check of the outbox says so, unless it was switched off.
create or replace function internal.inspect_events() returns setof public.readiness_finding
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
    select 'events', case when e.faulty > 0 then 'FAIL' else 'OK' end,
           format('of the newest %s pending events %s match no type', e.looked_at, e.faulty),
           case
               when e.faulty > 0
                   then 'Find out who wrote them past the check; leadguard outbox discard takes them out.'
           end
      from (
          select count(*) as looked_at,
                 count(*) filter (where not exists (
                     select from internal.event_patterns as p
                      where p.event_type = x.event_type and x.payload::jsonb @? p.pattern
                 )) as faulty
            from (select o.event_type, o.payload from public.outbox as o order by o.id desc limit 1000) as x
      ) as e
$$;
comment on function internal.inspect_events() is 'Finding on what waits in the outbox.';
revoke all on function internal.inspect_events() from public;
