-- A sink that takes nothing of a full batch may never take its types: what shows it is an event of another type,
-- however far behind it stands. None is handed out before an earlier one of its lead. The way there is read once,
-- and only when a sink has answered so: no insert pays for an index by type.
-- security definer: the worker calls functions, it does not write tables.
create or replace function public.claim_types_behind(p_token bigint, p_types text[])
returns table (id bigint, event_id uuid, event_type text, lead_id bigint, payload json)
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
set enable_sort = off -- the index has them in order
set jit = off -- it would compile for the whole outbox, to fetch a few
as $$
#variable_conflict use_column
declare
    v_now constant timestamptz := clock_timestamp();
    v_holder text;
    v_until timestamptz;
    v_shards integer;
    v_taken integer[];
    v_most integer;
    v_others bigint;
    v_next bigint[];
begin
    select max(x.holder), max(x.leased_until), max(x.shards) into v_holder, v_until, v_shards
      from internal.outbox_leases as x
     where x.token = p_token;
    -- The parts that nobody has, too: the batch may have come from one, and be all there is in it.
    v_taken := array(
        select x.shard from internal.outbox_leases as x
         where (x.token = p_token or x.leased_until <= v_now) and x.shards = v_shards
         order by x.shard
           for update skip locked
    );
    -- Where many stand behind, the first of them are enough, unless each waits for an earlier one of its lead.
    foreach v_most in array array[10000, null]
    loop
        with others as materialized (
            (
                select o.id, o.event_type, o.lead_id
                  from public.outbox as o
                 where o.next_attempt_at is null and o.event_type <> all (p_types)
                   and internal.outbox_shard(o.lead_id, v_shards) = any (v_taken)
                 order by o.next_attempt_at, o.id
                 limit v_most
            )
            union all
            (
                select o.id, o.event_type, o.lead_id
                  from public.outbox as o
                 where o.next_attempt_at <= v_now and o.event_type <> all (p_types)
                   and internal.outbox_shard(o.lead_id, v_shards) = any (v_taken)
                 order by o.next_attempt_at, o.id
                 limit v_most
            )
        ),
        firsts as materialized (
            select o.lead_id, min(o.id) as id
              from public.outbox as o
             where o.lead_id in (select x.lead_id from others as x)
             group by o.lead_id
        ),
        next as (
            select min(x.id) as id
              from others as x
              left join firsts as f on f.lead_id = x.lead_id
             where x.lead_id is null or x.id = f.id
             group by x.event_type
        )
        select array(select n.id from next as n), (select count(*) from others) into v_next, v_others;
        exit when cardinality(v_next) > 0 or v_others < v_most;
    end loop;
    return query
        with
        -- As in claim_outbox_events: one that a writer is just withdrawing is passed over.
        free as materialized (
            select o.id
              from public.outbox as o
             where o.id = any (v_next) and o.event_type = 'lead.protection.reminder'
               for update skip locked
        ),
        marked as (
            update public.outbox as o
               set claimed_at = clock_timestamp()
             where o.id in (select f.id from free as f) and o.claimed_at is null
        ),
        leased as (
            update internal.outbox_leases as x
               set holder = v_holder, token = p_token, leased_until = v_until,
                   claimed_to = greatest(x.claimed_to, (select max(n.id) from unnest(v_next) as n (id)))
             where x.shard = any (v_taken)
        )
        select o.id, o.event_id, o.event_type, o.lead_id, o.payload
          from public.outbox as o
         where o.id = any (v_next)
           and (o.event_type <> 'lead.protection.reminder' or o.id in (select f.id from free as f))
         order by o.id;
end
$$;
comment on function public.claim_types_behind(bigint, text[]) is
    'Hands out, under p_token and with the parts of the outbox that nobody has, one event of each type but p_types that is among the next: the first whose turn it is and that no other of its lead stands before. None once the lease was taken over.';
revoke all on function public.claim_types_behind(bigint, text[]) from public;
grant execute on function public.claim_types_behind(bigint, text[]) to lead_worker;
