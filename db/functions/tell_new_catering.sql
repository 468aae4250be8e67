-- Others hear of a catering request; of one that is entered with its answer, of that and of its delay as well.
-- Once a statement, so that many rows lock their leads in one order.
-- security definer: the catering module writes its table and nothing else.
create or replace function internal.tell_new_catering() returns trigger
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    perform internal.lock_known_leads(array(select distinct e.lead_id from entered as e where e.lead_id is not null));
    perform internal.write_catering_event(k.request, k.event_type, k.happened_at)
       from (
            select e::public.event_catering_requests as request, n.event_type, n.happened_at
              from entered as e
             cross join lateral (
                   values (1, 'event.catering.requested', e.requested_at),
                          (2, 'event.catering.sla_breached', e.breached_at),
                          (3, 'event.catering.responded', e.responded_at)
                   ) as n (n, event_type, happened_at)
             where n.happened_at is not null
             order by e.id, n.n
            ) as k;
    return null;
end
$$;
comment on function internal.tell_new_catering() is
    'Trigger on event_catering_requests: writes event.catering.requested, and .sla_breached and .responded that came with it. Errors: LP001.';
revoke all on function internal.tell_new_catering() from public;

create or replace trigger event_catering_requests_tell_new after insert on public.event_catering_requests
referencing new table as entered
for each statement execute function internal.tell_new_catering();
