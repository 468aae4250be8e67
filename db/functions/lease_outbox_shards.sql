-- As few parts as fill a batch: with a backlog each publisher takes one and several work side by side, with
-- little to do one publisher takes all there is, in the order of all. The part whose event is oldest comes
-- first. Rows are looked at before they are locked, so that one publisher's choice is no other's obstacle.
create or replace function internal.lease_outbox_shards(p_holder text, p_limit integer, p_shards integer)
returns integer[]
language plpgsql
set search_path = pg_catalog, pg_temp
set enable_sort = off -- with a backlog it would sort all of it for each batch; the index has it in order
set jit = off -- and compile for as many, to fetch a few
as $$
declare
    v_now constant timestamptz := clock_timestamp();
    v_free integer[] := array(
        select x.shard from internal.outbox_leases as x
         where x.leased_until <= clock_timestamp() or x.holder = p_holder
    );
    v_wanted integer[];
    v_events integer;
    v_shard integer;
    v_taken integer[] := array[]::integer[];
begin
    loop
        select array_agg(w.shard order by w.oldest), sum(w.events)::integer
          into v_wanted, v_events
          from (
              select n.shard, min(n.id) as oldest, count(*) as events
                from (
                    (
                        select o.id, internal.outbox_shard(o.lead_id, p_shards) as shard
                          from public.outbox as o
                         where o.next_attempt_at is null
                           and internal.outbox_shard(o.lead_id, p_shards) = any (v_free)
                         order by o.next_attempt_at, o.id
                         limit p_limit
                    )
                    union all
                    (
                        select o.id, internal.outbox_shard(o.lead_id, p_shards)
                          from public.outbox as o
                         where o.next_attempt_at <= v_now
                           and internal.outbox_shard(o.lead_id, p_shards) = any (v_free)
                         order by o.next_attempt_at, o.id
                         limit p_limit
                    )
                ) as n
               group by n.shard
          ) as w;
        exit when v_wanted is null;
        foreach v_shard in array v_wanted
        loop
            -- A row that another publisher is just taking counts as taken.
            perform from internal.outbox_leases as x
              where x.shard = v_shard and x.shards = p_shards
                and (x.leased_until <= clock_timestamp() or x.holder = p_holder)
                for update skip locked;
            if found then
                v_taken := v_taken || v_shard;
                exit when v_events >= p_limit;
            end if;
        end loop;
        exit when cardinality(v_taken) > 0;
        v_free := array(select f.n from unnest(v_free) as f (n) where f.n <> all (v_wanted));
    end loop;
    return v_taken;
end
$$;
comment on function internal.lease_outbox_shards(text, integer, integer) is
    'Locks the free parts that p_holder is to publish next; empty when nothing is pending in any of them whose turn it is.';
revoke all on function internal.lease_outbox_shards(text, integer, integer) from public;
