-- A catering request breaches by the passing of time: nothing but this pass sees it, and it is told once. Looks
-- only at open requests that are due (their index holds no others) and leaves the busy ones to the next pass.
-- security definer: the worker calls functions, it does not write tables.
create or replace function public.record_catering_breaches("limit" integer default 1000, at timestamptz default null)
returns setof public.event_catering_requests
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
set lock_timeout = '500ms'
set enable_sort = off -- with many due it would sort them all for each batch; the index has them in order
set jit = off -- and compile for as many, to fetch a few
as $$
#variable_conflict use_column
declare
    v_limit constant integer := internal.checked_limit(record_catering_breaches."limit");
    v_at constant timestamptz := internal.checked_past(record_catering_breaches.at);
    v_sla constant interval := internal.catering_sla();
    v_recorded integer := 0;
    v_due record;
    v_request public.event_catering_requests;
begin
    for v_due in
        select r.id, r.lead_id
          from public.event_catering_requests as r
         where r.responded_at is null and r.breached_at is null and r.requested_at <= v_at - v_sla
         order by r.requested_at
    loop
        if v_due.lead_id is not null then
            -- The lead first, as everywhere; whoever holds it or the request is not waited for.
            perform
               from public.leads as l
               join internal.lead_clocks as c on c.lead_id = l.id
              where l.id = v_due.lead_id
                for key share of l skip locked
                for update of c skip locked;
            continue when not found;
        end if;
        select r.* into v_request
          from public.event_catering_requests as r
         where r.id = v_due.id and r.lead_id is not distinct from v_due.lead_id
           and r.responded_at is null and r.breached_at is null and r.requested_at <= v_at - v_sla
           for update skip locked;
        continue when not found;
        update public.event_catering_requests as r
           set breached_at = r.requested_at + v_sla
         where r.id = v_request.id
        returning r.* into v_request;
        return next v_request;
        v_recorded := v_recorded + 1;
        exit when v_recorded >= v_limit;
    end loop;
end
$$;
comment on function public.record_catering_breaches(integer, timestamptz) is
    'Records up to "limit" (1000) catering requests unanswered past their time at a past moment (null: now), with event.catering.sla_breached; returns them. None returned: nothing is left but what others are busy with. Errors: LP006, LP007 at in the future, LP022 limit below 1.';
revoke all on function public.record_catering_breaches(integer, timestamptz) from public;
grant execute on function public.record_catering_breaches(integer, timestamptz) to lead_worker;
