-- A changed setting outbox_shards moves leads from part to part. While anybody publishes under the former
-- division that could part a lead's events between two publishers: so whoever asks gives back what it has,
-- nobody gets anything new, and the last one makes the new division.
create or replace function internal.divide_outbox(p_holder text, p_shards integer) returns boolean
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    v_locked integer;
begin
    if p_shards = all (array(select x.shards from internal.outbox_leases as x))
        and p_shards = (select count(*) from internal.outbox_leases)
    then
        return true;
    end if;
    perform from internal.outbox_leases as x
      where x.leased_until <= clock_timestamp() or x.holder = p_holder
        for update skip locked;
    get diagnostics v_locked = row_count;
    perform internal.give_back_outbox(p_holder);
    if v_locked < (select count(*) from internal.outbox_leases) then
        return false;
    end if;
    -- The old rows go: whoever still looks at one of them gets nothing, rather than a part of another size.
    delete from internal.outbox_leases;
    insert into internal.outbox_leases (shard, shards)
    select s.n, p_shards from generate_series(0, p_shards - 1) as s (n)
    on conflict (shard) do nothing;
    return true;
end
$$;
comment on function internal.divide_outbox(text, integer) is
    'Makes internal.outbox_leases p_shards rows, unless another holder''s lease still runs: then false, and p_holder has none.';
revoke all on function internal.divide_outbox(text, integer) from public;
