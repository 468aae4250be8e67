-- Records what has run out. Looks only at leads whose check is due and passes over the busy ones: a hold
-- or an activity that is being entered wins over the sweep. Looks in vain at most at twenty times "limit" of
-- them: there may be a million that have not run out after all, and others wait for their locks.
-- security definer: the worker calls functions, it does not write tables.
create or replace function public.expire_due_protections("limit" integer default 1000, at timestamptz default null)
returns setof public.lead_protection_periods
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
set lock_timeout = '500ms'
set enable_sort = off -- with a million due it would sort them all for each batch; the index has them in order
set jit = off -- and compile for as many, to fetch a few
as $$
#variable_conflict use_column
declare
    v_limit constant integer := internal.checked_limit(expire_due_protections."limit");
    v_at constant timestamptz := internal.checked_past(expire_due_protections.at);
    v_expired integer := 0;
    v_in_vain integer := 0;
    v_vain_limit constant bigint := greatest(1000, 20::bigint * v_limit);
    v_clocks internal.lead_clocks;
begin
    for v_clocks in
        select c.*
          from internal.lead_clocks as c
          join public.leads as l on l.id = c.lead_id
         where c.next_expiry_check_at <= v_at
         order by c.next_expiry_check_at
           for key share of l skip locked
           for update of c skip locked
    loop
        v_clocks := internal.record_expiry(v_clocks, v_at);
        if v_clocks.ended_at is null then
            perform internal.refresh_clocks(v_clocks);
            v_in_vain := v_in_vain + 1;
            exit when v_at = now() and v_in_vain >= v_vain_limit;
            continue;
        end if;
        return query select p.* from public.lead_protection_periods as p where p.id = v_clocks.period_id;
        v_expired := v_expired + 1;
        exit when v_expired >= v_limit;
    end loop;
end
$$;
comment on function public.expire_due_protections(integer, timestamptz) is
    'Records up to "limit" (1000) expiries due at a past moment (null: now), with their events; returns the ended periods. None returned: nothing is left, or count_due_leads() is lower than before. Errors: LP006, LP007 at in the future, LP022 limit below 1.';
revoke all on function public.expire_due_protections(integer, timestamptz) from public;
grant execute on function public.expire_due_protections(integer, timestamptz) to lead_worker;
