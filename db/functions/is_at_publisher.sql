-- A publisher has an event from the claim until its lease ends, if its turn had come. To be asked with the lease on the
-- event's part. Inlined; by the clock and not by now(), as leases are.
create or replace function internal.is_at_publisher(
    p_id bigint,
    p_next_attempt_at timestamptz,
    p_claimed_to bigint,
    p_leased_until timestamptz
) returns boolean
language sql
volatile
return p_leased_until > clock_timestamp()
   and p_id <= p_claimed_to
   and coalesce(p_next_attempt_at <= clock_timestamp(), true);
comment on function internal.is_at_publisher(bigint, timestamptz, bigint, timestamptz) is
    'Whether an event may be going out at this moment, under the lease on its part; null without a lease.';
revoke all on function internal.is_at_publisher(bigint, timestamptz, bigint, timestamptz) from public;
