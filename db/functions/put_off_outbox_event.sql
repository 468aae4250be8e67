-- An event that failed alone may be at fault, or the sink is down: it stands aside for a while, and no attempt is
-- counted. The next event shows which it is. Nothing says that it has not arrived: a reminder stays claimed.
-- security definer: the worker calls functions, it does not write tables.
create or replace function public.put_off_outbox_event(
    p_token bigint,
    p_id bigint,
    p_error text,
    p_seconds double precision
) returns boolean
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_held integer[];
    v_shards integer;
    v_last bigint;
begin
    select x.held, x.shards, x.claimed_to into v_held, v_shards, v_last from internal.lock_outbox_claim(p_token) as x;
    update public.outbox as o
       set next_attempt_at = clock_timestamp() + make_interval(secs => least(p_seconds, 3600)),
           last_error = left(p_error, 1000)
     where o.id = p_id and o.id <= v_last and internal.outbox_shard(o.lead_id, v_shards) = any (v_held);
    return found;
end
$$;
comment on function public.put_off_outbox_event(bigint, bigint, text, double precision) is
    'Hands an event claimed under p_token out again after p_seconds (an hour at most), and notes why; its attempts stay. False once the lease was taken over.';
revoke all on function public.put_off_outbox_event(bigint, bigint, text, double precision) from public;
grant execute on function public.put_off_outbox_event(bigint, bigint, text, double precision) to lead_worker;
