-- Many leads at once are locked by ascending id, so that two bulk statements never wait for each other in a ring.
create or replace function internal.lock_leads(p_lead_ids bigint[]) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
    perform from public.leads as l where l.id = any (p_lead_ids) order by l.id for key share;
    perform from internal.lead_clocks as c where c.lead_id = any (p_lead_ids) order by c.lead_id for update;
end
$$;
comment on function internal.lock_leads(bigint[]) is
    'Locks leads and their clocks in the one lock order; ids without a lead are passed over.';
revoke all on function internal.lock_leads(bigint[]) from public;
