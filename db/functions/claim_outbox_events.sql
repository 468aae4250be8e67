-- A publisher takes the next events in order of id, under a lease on the parts of the outbox that they are in:
-- one publisher at a time keeps each lead's order. A lease that ran out is taken over with a higher token, and
-- its events are handed out again. Nothing is written to the events, but to reminders that they are taken.
-- security definer: the worker calls functions, it does not write tables.
create or replace function public.claim_outbox_events(
    p_holder text,
    p_limit integer default 500,
    p_lease interval default interval '1 minute'
) returns table (token bigint, id bigint, event_id uuid, event_type text, lead_id bigint, payload json)
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
set enable_sort = off -- with a backlog it would sort all of it for each batch; the index has it in order
set jit = off -- and compile for as many, to fetch a few
as $$
#variable_conflict use_column
declare
    v_shards integer;
    v_taken integer[];
    v_chosen bigint[];
    v_token bigint;
begin
    perform internal.checked_limit(p_limit);
    select s.value::integer into strict v_shards from public.settings as s where s.name = 'outbox_shards';
    if not internal.divide_outbox(p_holder, v_shards) then
        return;
    end if;
    loop
        v_taken := internal.lease_outbox_shards(p_holder, p_limit, v_shards);
        -- What is ours from the last round and not wanted any more is free for others.
        perform internal.give_back_outbox(p_holder, v_taken);
        if cardinality(v_taken) = 0 then
            return;
        end if;
        -- As long as nothing was refused, the next events are simply those that come next.
        exit when not exists (select from public.outbox as o where o.next_attempt_at is not null);
        v_chosen := internal.choose_outbox_events(v_taken, v_shards, p_limit);
        if v_chosen is null then
            perform internal.give_back_outbox(p_holder);
            return;
        end if;
        -- All that these parts have waits for another attempt: now there may be others' turn.
        exit when cardinality(v_chosen) > 0;
    end loop;
    v_token := nextval('internal.outbox_leases_token_seq');
    -- One statement, so that all of it sees the same events.
    return query
        with next as materialized (
            (
                select o.id, o.event_id, o.event_type, o.lead_id, o.payload
                  from public.outbox as o
                 where v_chosen is null and o.next_attempt_at is null
                   and internal.outbox_shard(o.lead_id, v_shards) = any (v_taken)
                 order by o.next_attempt_at, o.id
                 limit p_limit
            )
            union all
            select o.id, o.event_id, o.event_type, o.lead_id, o.payload
              from public.outbox as o
             where o.id = any (v_chosen)
        ),
        leased as (
            update internal.outbox_leases as x
               set holder = p_holder, token = v_token, leased_until = clock_timestamp() + p_lease,
                   claimed_to = coalesce((select max(n.id) from next as n), 0)
             where x.shard = any (v_taken)
        ),
        reminded as (
            select n.id, n.lead_id from next as n where n.event_type = 'lead.protection.reminder'
        ),
        -- A reminder that a writer is just withdrawing is passed over, and with it what comes later for its
        -- lead: waiting for it could make the writer a deadlock's victim.
        free as materialized (
            select o.id
              from public.outbox as o
             where o.id in (select r.id from reminded as r)
               for update skip locked
        ),
        marked as (
            update public.outbox as o
               set claimed_at = clock_timestamp()
             where o.id in (select f.id from free as f) and o.claimed_at is null
        ),
        passed as materialized (
            select r.id, r.lead_id from reminded as r where r.id not in (select f.id from free as f)
        )
        select v_token, n.id, n.event_id, n.event_type, n.lead_id, n.payload
          from next as n
         where not exists (select from passed as p where p.lead_id = n.lead_id and p.id <= n.id)
         order by n.id;
    if not found then
        -- Whoever got nothing has no token to give back: the next publisher must not wait for this lease.
        perform public.release_outbox_claim(v_token);
    end if;
end
$$;
comment on function public.claim_outbox_events(text, integer, interval) is
    'The next events by id for p_holder, under a lease with a new token that ends the holder''s former one; empty while others have what is pending, or nothing is whose turn it is. Errors: LP022.';
revoke all on function public.claim_outbox_events(text, integer, interval) from public;
grant execute on function public.claim_outbox_events(text, integer, interval) to lead_worker;
