-- New facts of other modules name leads that must exist; many of them are locked in the one order. One that was not
-- there to be locked stays unknown, even if it is by now: with its clocks but not its row locked, whoever deletes it
-- would meet the check of the foreign key in a ring.
create or replace function internal.lock_known_leads(p_lead_ids bigint[]) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    v_known constant bigint[] := array(
        select l.id from public.leads as l where l.id = any (p_lead_ids) order by l.id for key share
    );
    v_unknown bigint;
begin
    select min(i.id) into v_unknown
      from (select unnest(p_lead_ids) except select unnest(v_known)) as i (id);
    if v_unknown is not null then
        perform internal.raise_error('LP001', format('No lead has id %s.', v_unknown));
    end if;
    perform internal.lock_clocks(v_known);
end
$$;
comment on function internal.lock_known_leads(bigint[]) is
    'Locks leads and their clocks in the one lock order, refusing an id without a lead. Errors: LP001.';
revoke all on function internal.lock_known_leads(bigint[]) from public;
