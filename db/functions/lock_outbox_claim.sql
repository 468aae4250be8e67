-- What a publisher may still say of its events: until it is through, nobody takes its lease over.
create or replace function internal.lock_outbox_claim(
    p_token bigint,
    out held integer[],
    out shards integer,
    out claimed_to bigint
)
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
    select array_agg(x.shard), max(x.shards), max(x.claimed_to)
      into held, shards, claimed_to
      from (
          select l.shard, l.shards, l.claimed_to
            from internal.outbox_leases as l
           where l.token = p_token
           order by l.shard
             for update
      ) as x;
end
$$;
comment on function internal.lock_outbox_claim(bigint) is
    'Locks the leases under p_token: the parts, of how many, and the last id handed out; nulls once the lease was taken over.';
revoke all on function internal.lock_outbox_claim(bigint) from public;
