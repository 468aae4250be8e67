-- Others hear of an answer and of a breach, each once. Corrections of anything else are not told.
-- security definer: the catering module writes its table and nothing else.
create or replace function internal.tell_catering() returns trigger
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_leads bigint[];
    v_new record;
begin
    -- Full joins: the plan is kept from one row to many, and must not be a nested loop. A row is there twice where the
    -- statement deletes its lead as well: it is told once, as of that lead.
    select array_agg(distinct n.lead_id) into v_leads
      from before as o
      full join after as n on n.id = o.id
     where coalesce(
               o.id = n.id and (
                   (o.breached_at is null and n.breached_at is not null)
                   or (o.responded_at is null and n.responded_at is not null)
               ), false
           );
    if v_leads is null then
        return null;
    end if;
    perform internal.lock_clocks(v_leads);
    for v_new in
        select distinct on (n.id, x.position)
               n::public.event_catering_requests as request, x.event_type, x.happened_at
          from before as o
          full join after as n on n.id = o.id
         cross join lateral (
               values (1, 'event.catering.sla_breached', o.breached_at, n.breached_at),
                      (2, 'event.catering.responded', o.responded_at, n.responded_at)
               ) as x (position, event_type, happened_before, happened_at)
         where coalesce(o.id = n.id and x.happened_before is null and x.happened_at is not null, false)
         order by n.id, x.position, n.lead_id
    loop
        perform internal.write_catering_event(v_new.request, v_new.event_type, v_new.happened_at);
    end loop;
    return null;
end
$$;
comment on function internal.tell_catering() is
    'Trigger on event_catering_requests: writes event.catering.responded and .sla_breached when a request is answered or breached.';
revoke all on function internal.tell_catering() from public;

create or replace trigger event_catering_requests_tell after update on public.event_catering_requests
referencing old table as before new table as after
for each statement execute function internal.tell_catering();
