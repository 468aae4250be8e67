-- Others hear of a sample when it is asked for; of one that is entered with its end, of that as well. Once a
-- statement, so that many rows lock their leads in one order.
-- security definer: the sample module writes its table and nothing else.
create or replace function internal.tell_new_samples() returns trigger
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    perform internal.lock_known_leads(array(select distinct e.lead_id from entered as e where e.lead_id is not null));
    perform internal.write_sample_event(k.request, k.event_type, k.happened_at)
       from (
            select e::public.sample_requests as request, n.event_type, n.happened_at
              from entered as e
             cross join lateral (
                   values (1, 'sample.request.created', e.requested_at),
                          (2, internal.sample_end_event(e.status), e.resolved_at)
                   ) as n (n, event_type, happened_at)
             where n.event_type is not null
             order by e.id, n.n
            ) as k;
    return null;
end
$$;
comment on function internal.tell_new_samples() is
    'Trigger on sample_requests: writes sample.request.created, and the event of an end that came with it. Errors: LP001.';
revoke all on function internal.tell_new_samples() from public;

create or replace trigger sample_requests_tell_new after insert on public.sample_requests
referencing new table as entered
for each statement execute function internal.tell_new_samples();
