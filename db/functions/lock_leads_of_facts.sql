-- Whoever corrects or deletes activities holds their rows already. To wait for a lead's row then would meet, in a ring,
-- whoever deletes that lead and waits for its activities; the clocks alone are enough, and deleting locks activities
-- before clocks. A lead that nobody is deleting is kept from it, for whatever else this transaction does to the lead.
create or replace function internal.lock_leads_of_facts(p_lead_ids bigint[]) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
    perform from public.leads as l where l.id = any (p_lead_ids) for key share skip locked;
    perform internal.lock_clocks(p_lead_ids);
end
$$;
comment on function internal.lock_leads_of_facts(bigint[]) is
    'lock_leads for a caller who holds rows of their facts: does not wait for a lead that is being deleted.';
revoke all on function internal.lock_leads_of_facts(bigint[]) from public;
