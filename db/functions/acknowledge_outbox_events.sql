-- What a sink accepted leaves the hot table for the archive; a reminder so accepted is sent, once. Leads
-- are locked before outbox rows, as everywhere, and busy ones are left for the next round. A publisher whose
-- lease was taken over changes nothing.
-- security definer: the worker calls functions, it does not write tables.
create or replace function public.acknowledge_outbox_events(
    p_token bigint,
    p_ids bigint[],
    p_proven boolean default true
) returns integer
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_is_proof constant boolean := p_proven or exists (
        select from public.settings as s where s.name = 'reminder_proof' and s.value = 'any'
    );
    v_held integer[];
    v_shards integer;
    v_last bigint;
    v_ids bigint[] := p_ids;
    v_reminded bigint[];
    v_free bigint[];
    v_acknowledged integer;
begin
    select x.held, x.shards, x.claimed_to into v_held, v_shards, v_last from internal.lock_outbox_claim(p_token) as x;
    if v_held is null then
        return 0;
    end if;
    if v_is_proof then
        v_reminded := array(
            select o.lead_id
              from public.outbox as o
             where o.id = any (p_ids) and o.event_type = 'lead.protection.reminder'
        );
    end if;
    if cardinality(v_reminded) > 0 then
        v_free := internal.lock_free_leads(v_reminded);
        -- The reminder of a lead that someone is busy with waits for the next round.
        v_ids := array(
            select o.id
              from public.outbox as o
             where o.id = any (p_ids)
               and not (
                   o.event_type = 'lead.protection.reminder'
                   and o.lead_id <> all (v_free)
                   and exists (select from public.leads as l where l.id = o.lead_id)
               )
        );
        update public.lead_reminders as r
           set sent_at = now()
          from public.outbox as o
         where o.id = any (v_ids) and o.id <= v_last
           and internal.outbox_shard(o.lead_id, v_shards) = any (v_held)
           and o.event_type = 'lead.protection.reminder'
           and r.event_id = o.event_id and r.sent_at is null and r.channel = 'EVENT';
    end if;
    with published as (
        delete from public.outbox as o
         where o.id = any (v_ids) and o.id <= v_last
           and internal.outbox_shard(o.lead_id, v_shards) = any (v_held)
        returning o.*
    )
    insert into public.outbox_archive (
        id, event_id, event_type, lead_id, user_id, payload, created_at, published_at, original_id
    )
    select p.id, p.event_id, p.event_type, p.lead_id, p.user_id, p.payload, p.created_at, now(), p.original_id
      from published as p;
    get diagnostics v_acknowledged = row_count;
    return v_acknowledged;
end
$$;
comment on function public.acknowledge_outbox_events(bigint, bigint[], boolean) is
    'Archives the given events, claimed under p_token; sets sent_at of their reminders where the sink proves acceptance (or setting reminder_proof is any). Returns how many (fewer while leads are busy: acknowledge again); 0 once the lease was taken over.';
revoke all on function public.acknowledge_outbox_events(bigint, bigint[], boolean) from public;
grant execute on function public.acknowledge_outbox_events(bigint, bigint[], boolean) to lead_worker;
