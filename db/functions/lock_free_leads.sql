-- The lead first, as everywhere; whoever holds it or its clocks is not waited for.
create or replace function internal.lock_free_leads(p_lead_ids bigint[]) returns bigint[]
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
    return array(
        select c.lead_id
          from internal.lead_clocks as c
          join public.leads as l on l.id = c.lead_id
         where c.lead_id = any (p_lead_ids)
         order by c.lead_id
           for key share of l skip locked
           for update of c skip locked
    );
end
$$;
comment on function internal.lock_free_leads(bigint[]) is
    'Locks those of the leads, with their clocks, that nobody is busy with; returns them.';
revoke all on function internal.lock_free_leads(bigint[]) from public;
