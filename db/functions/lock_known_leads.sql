-- New facts of other modules name leads that must exist; many of them are locked in the one order.
create or replace function internal.lock_known_leads(p_lead_ids bigint[]) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    v_unknown bigint;
begin
    perform internal.lock_leads(p_lead_ids);
    select min(i.id) into v_unknown
      from unnest(p_lead_ids) as i (id)
     where not exists (select from public.leads as l where l.id = i.id);
    if v_unknown is not null then
        perform internal.raise_error('LP001', format('No lead has id %s.', v_unknown));
    end if;
end
$$;
comment on function internal.lock_known_leads(bigint[]) is 'lock_leads, refusing an id without a lead. Errors: LP001.';
revoke all on function internal.lock_known_leads(bigint[]) from public;
