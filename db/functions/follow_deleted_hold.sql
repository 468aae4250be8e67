-- Deleted holds were errors: the clocks run as if they had never been. A lead that is being deleted takes its holds
-- along: nothing is left to compute.
-- security definer: writes clocks and events.
create or replace function internal.follow_deleted_hold() returns trigger
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_leads constant bigint[] := array(
        select distinct o.lead_id from before as o join public.leads as l on l.id = o.lead_id
    );
    v_hold public.lead_holds;
begin
    if v_leads = '{}' then
        return null;
    end if;
    perform internal.lock_leads_of_facts(v_leads);
    perform internal.refuse_final('A hold', o.lead_id, o.user_id, o.start_at, o.end_at, o.counts_from)
       from before as o
      where o.lead_id = any (v_leads);
    perform internal.refresh_leads(v_leads);
    for v_hold in
        -- Not one that a transaction which began later has released already.
        select o.*
          from before as o
          join internal.lead_clocks as c on c.lead_id = o.lead_id
         where o.lead_id = any (v_leads) and coalesce(o.end_at > greatest(now(), c.facts_entered_at), true)
         order by o.lead_id, o.id
    loop
        perform internal.tell_hold('lead.hold.released', v_hold, 'deleted');
    end loop;
    return null;
end
$$;
comment on function internal.follow_deleted_hold() is
    'Trigger on lead_holds: recomputes the touched leads, writes lead.hold.released. Errors: LP014.';
revoke all on function internal.follow_deleted_hold() from public;

create or replace trigger lead_holds_follow_delete after delete on public.lead_holds
referencing old table as before
for each statement execute function internal.follow_deleted_hold();
