-- Where events were refused: the next ones by id whose turn it is. What stands behind an event of its lead that
-- waits for its next attempt is given the same moment and is out of the way until then, so that a claim looks at
-- no more than it hands out or sets aside, however many wait.
create or replace function internal.choose_outbox_events(p_taken integer[], p_shards integer, p_limit integer)
returns bigint[]
language plpgsql
set search_path = pg_catalog, pg_temp
set enable_sort = off -- with a backlog it would sort all of it for each batch; the index has it in order
set jit = off -- and compile for as many, to fetch a few
as $$
declare
    v_now constant timestamptz := clock_timestamp();
    v_ids bigint[];
    v_held bigint;
begin
    loop
        v_ids := array(
            select e.id
              from (
                  (
                      select o.id from public.outbox as o
                       where o.next_attempt_at is null
                         and internal.outbox_shard(o.lead_id, p_shards) = any (p_taken)
                       order by o.next_attempt_at, o.id
                       limit p_limit
                  )
                  union all
                  (
                      select o.id from public.outbox as o
                       where o.next_attempt_at <= v_now
                         and internal.outbox_shard(o.lead_id, p_shards) = any (p_taken)
                       order by o.next_attempt_at, o.id
                       limit p_limit
                  )
              ) as e
             order by e.id
             limit p_limit
        );
        exit when cardinality(v_ids) = 0;
        with chosen as materialized (
            select o.id, o.lead_id from public.outbox as o where o.id = any (v_ids)
        ),
        -- The first event of each lead that waits and is not chosen.
        waiting as materialized (
            select l.lead_id, w.id, w.next_attempt_at
              from (select distinct c.lead_id from chosen as c where c.lead_id is not null) as l
             cross join lateral (
                 select o.id, o.next_attempt_at from public.outbox as o
                  where o.lead_id = l.lead_id and o.next_attempt_at is not null
                    and o.id not in (select c.id from chosen as c)
                  order by o.lead_id, o.id
                  limit 1
             ) as w
        ),
        behind as materialized (
            select c.id, w.next_attempt_at
              from chosen as c
              join waiting as w on w.lead_id = c.lead_id
             where w.id < c.id
        ),
        -- One that a writer is just withdrawing is left to it.
        free as materialized (
            select o.id from public.outbox as o where o.id in (select b.id from behind as b) for update skip locked
        ),
        held as (
            update public.outbox as o
               set next_attempt_at = b.next_attempt_at
              from behind as b
             where o.id = b.id and b.id in (select f.id from free as f)
            returning o.id
        )
        select (select count(*) from held),
               array(select c.id from chosen as c where c.id not in (select b.id from behind as b) order by c.id)
          into v_held, v_ids;
        exit when cardinality(v_ids) > 0;
        if v_held = 0 then
            return null;
        end if;
    end loop;
    return v_ids;
end
$$;
comment on function internal.choose_outbox_events(integer[], integer, integer) is
    'The ids that a publisher of the parts p_taken is given next; sets aside what stands behind an event that waits. Null: what is left is in a writer''s hands.';
revoke all on function internal.choose_outbox_events(integer[], integer, integer) from public;
