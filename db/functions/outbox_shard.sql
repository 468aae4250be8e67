-- Events are divided among publishers by lead, so that each lead's order is one publisher's business at a time.
create or replace function internal.outbox_shard(p_lead_id bigint, p_shards integer) returns integer
language sql
immutable parallel safe
return abs(coalesce(p_lead_id, 0) % p_shards)::integer;
comment on function internal.outbox_shard(bigint, integer) is
    'The part, from 0, of p_shards that a lead''s events belong to; events without a lead belong to part 0.';
revoke all on function internal.outbox_shard(bigint, integer) from public;
