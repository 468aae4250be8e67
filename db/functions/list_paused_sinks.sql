-- A publisher asks before it opens a sink, operations when events pile up; a pause that is over is none.
-- security definer: the worker calls functions, it does not read tables.
create or replace function public.list_paused_sinks()
returns table (sink text, reason text, paused_at timestamptz, paused_until timestamptz)
language sql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
    select p.sink, p.reason, p.paused_at, p.paused_until
      from public.paused_sinks as p
     where p.paused_until > clock_timestamp()
     order by p.paused_until, p.sink
$$;
comment on function public.list_paused_sinks() is
    'Sinks that asked to be left alone, and until when no event is sent there.';
revoke all on function public.list_paused_sinks() from public;
grant execute on function public.list_paused_sinks() to lead_worker, lead_operations;
