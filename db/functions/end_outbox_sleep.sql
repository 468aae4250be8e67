-- A publisher that is awake need not be called. (One that dies asleep loses its lock with its session.)
create or replace function public.end_outbox_sleep() returns boolean
language sql
set search_path = pg_catalog, pg_temp
as $$
    select pg_advisory_unlock(19536, 3)
$$;
comment on function public.end_outbox_sleep() is
    'Ends what announce_outbox_sleep() began, in the same session; true unless that was not ASLEEP.';
revoke all on function public.end_outbox_sleep() from public;
grant execute on function public.end_outbox_sleep() to lead_worker;
