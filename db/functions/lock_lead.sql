-- The one lock order: the lead, then its clocks. Whoever holds the clocks' row may write the lead's
-- events, so per lead the outbox's id order is commit order.
create or replace function internal.lock_lead(p_lead_id bigint) returns internal.lead_clocks
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    v_clocks internal.lead_clocks;
begin
    perform from public.leads as l where l.id = p_lead_id for key share;
    if not found then
        perform internal.raise_error('LP001', format('No lead has id %s.', coalesce(p_lead_id::text, 'null')));
    end if;
    select * into v_clocks from internal.lead_clocks as c where c.lead_id = p_lead_id for update;
    if not found then
        -- A lead's protection starts when the statement that inserts it ends.
        perform internal.raise_error('LP001', format(
            'Lead %s has no protection yet: give its facts in a statement after the one that inserts it.', p_lead_id
        ));
    end if;
    return v_clocks;
end
$$;
comment on function internal.lock_lead(bigint) is
    'Locks a lead and returns its clocks as they stand under the lock. Errors: LP001 unknown lead.';
revoke all on function internal.lock_lead(bigint) from public;
