-- Whoever changes a request holds its row already: waiting for the lead's row would meet, in a ring, whoever deletes
-- that lead. The clocks alone are enough for events in order of commit, and deleting locks requests before clocks.
create or replace function internal.lock_clocks(p_lead_ids bigint[]) returns void
language sql
set search_path = pg_catalog, pg_temp
as $$
    select from internal.lead_clocks as c where c.lead_id = any (p_lead_ids) order by c.lead_id for update
$$;
comment on function internal.lock_clocks(bigint[]) is
    'Locks the clocks of leads that, or whose requests, the caller has locked; ids without a lead are passed over.';
revoke all on function internal.lock_clocks(bigint[]) from public;
