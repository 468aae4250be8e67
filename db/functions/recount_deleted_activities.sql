-- Deleted activities no longer count. A lead that is being deleted takes its activities along: nothing is
-- left to compute.
-- security definer: Module 02 writes activities and nothing else.
create or replace function internal.recount_deleted_activities() returns trigger
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_leads constant bigint[] := array(
        select distinct o.lead_id from before as o join public.leads as l on l.id = o.lead_id
    );
begin
    if v_leads = '{}' then
        return null;
    end if;
    perform internal.lock_leads_of_facts(v_leads);
    perform internal.refuse_final('An activity', o.lead_id, o.user_id, o.occurred_at, o.occurred_at, o.counts_from)
       from before as o
      where o.lead_id = any (v_leads);
    perform internal.refresh_leads(v_leads);
    return null;
end
$$;
comment on function internal.recount_deleted_activities() is
    'Trigger on lead_activities: recomputes the touched leads. Errors: LP014 the activity belongs to a recorded expiry.';
revoke all on function internal.recount_deleted_activities() from public;

create or replace trigger lead_activities_recount_deleted after delete on public.lead_activities
referencing old table as before
for each statement execute function internal.recount_deleted_activities();
