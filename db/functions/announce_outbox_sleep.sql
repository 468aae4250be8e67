-- A publisher with nothing to do says so, and only then do writers call it: a NOTIFY with every event would
-- make them queue up for one lock at commit. The announcement is an advisory lock: writers share it until
-- their events are visible (trigger outbox_wake), so whoever gets it alone can miss nobody's event.
-- security definer: the worker calls functions, it does not read tables.
create or replace function public.announce_outbox_sleep() returns text
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_is_alone boolean;
    v_now timestamptz;
begin
    v_is_alone := pg_try_advisory_lock(19536, 3);
    v_now := clock_timestamp();
    -- A statement of its own, so that it sees what was committed before the lock was free.
    if exists (
        select from public.outbox as o
          join internal.outbox_leases as x on x.shard = internal.outbox_shard(o.lead_id, x.shards)
         where x.leased_until <= v_now and o.next_attempt_at is null
    ) or exists (
        select from public.outbox as o
          join internal.outbox_leases as x on x.shard = internal.outbox_shard(o.lead_id, x.shards)
         where x.leased_until <= v_now and o.next_attempt_at <= v_now
    ) then
        if v_is_alone then
            perform pg_advisory_unlock(19536, 3);
        end if;
        return 'PENDING';
    end if;
    return case when v_is_alone then 'ASLEEP' else 'BUSY' end;
end
$$;
comment on function public.announce_outbox_sleep() is
    'Asks to be woken by NOTIFY leadguard_outbox (LISTEN first). ASLEEP: the next event will do so, until end_outbox_sleep(). PENDING: there are events to claim. BUSY: none yet, but writers are at work, or another publisher is asleep; ask again soon.';
revoke all on function public.announce_outbox_sleep() from public;
grant execute on function public.announce_outbox_sleep() to lead_worker;
