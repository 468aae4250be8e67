-- A refusal says that it has not arrived: a reminder is nobody's any more, and is withdrawn with its event if its lead
-- is no longer due. Busy leads are not waited for: nobody knows yet what becomes of theirs.
create or replace function internal.recall_refused_reminders(
    p_ids bigint[],
    p_held integer[],
    p_shards integer,
    p_claimed_to bigint
) returns bigint[]
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    v_free constant bigint[] := internal.lock_free_leads(array(
        select o.lead_id from public.outbox as o
         where o.id = any (p_ids) and o.event_type = 'lead.protection.reminder'
    ));
begin
    update public.outbox as o
       set claimed_at = null
     where o.id = any (p_ids) and o.id <= p_claimed_to and o.lead_id = any (v_free)
       and internal.outbox_shard(o.lead_id, p_shards) = any (p_held)
       and o.event_type = 'lead.protection.reminder';
    perform internal.withdraw_reminders(c) from internal.lead_clocks as c where c.lead_id = any (v_free);
    return array(
        select o.lead_id
          from public.outbox as o
          join public.leads as l on l.id = o.lead_id
         where o.id = any (p_ids) and o.event_type = 'lead.protection.reminder' and o.lead_id <> all (v_free)
    );
end
$$;
comment on function internal.recall_refused_reminders(bigint[], integer[], integer, bigint) is
    'Takes back the claim on the reminders among refused events of a locked claim, and withdraws those no longer due; returns the leads that somebody is busy with, whose reminders were left alone.';
revoke all on function internal.recall_refused_reminders(bigint[], integer[], integer, bigint) from public;
