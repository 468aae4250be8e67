-- Others hear of a sample that has arrived, is lost or has failed. Corrections of anything else are not told.
-- security definer: the sample module writes its table and nothing else.
create or replace function internal.tell_samples() returns trigger
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_ended public.sample_requests[];
begin
    -- A full join: the plan is kept from one row to many, and must not be a nested loop. A row is there twice where the
    -- statement deletes its lead as well: it is told once, as of that lead.
    select array_agg(x.ended order by (x.ended).id) into v_ended
      from (
          select distinct on (n.id) n::public.sample_requests as ended
            from before as o
            full join after as n on n.id = o.id
           where coalesce(
                     o.id = n.id and o.status <> n.status and internal.sample_end_event(n.status) is not null, false
                 )
           order by n.id, n.lead_id
      ) as x;
    if v_ended is not null then
        perform internal.lock_clocks(array(select e.lead_id from unnest(v_ended) as e));
        perform internal.write_sample_event(e, internal.sample_end_event(e.status), e.resolved_at)
           from unnest(v_ended) as e;
    end if;
    return null;
end
$$;
comment on function internal.tell_samples() is
    'Trigger on sample_requests: writes sample.request.delivered, .lost or .failed when one reaches its end.';
revoke all on function internal.tell_samples() from public;

create or replace trigger sample_requests_tell after update on public.sample_requests
referencing old table as before new table as after
for each statement execute function internal.tell_samples();
