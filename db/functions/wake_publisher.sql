-- New events call a publisher that has said that it sleeps. Whether one does is asked of its advisory lock: a
-- microsecond, and the shared lock that is had for the asking tells it until the events are visible to all.
-- security definer: Module 02 writes leads and nothing else.
create or replace function internal.wake_publisher() returns trigger
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    perform pg_notify('leadguard_outbox', '');
    return null;
end
$$;
comment on function internal.wake_publisher() is
    'Trigger on outbox: NOTIFY leadguard_outbox, where announce_outbox_sleep() has asked for it.';
revoke all on function internal.wake_publisher() from public;

create or replace trigger outbox_wake after insert on public.outbox
for each statement when (not pg_try_advisory_xact_lock_shared(19536, 3))
execute function internal.wake_publisher();
