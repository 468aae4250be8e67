-- A publisher asks before it opens a sink, operations when events pile up.
-- security definer: the worker calls functions, it does not read tables.
create or replace function public.list_disabled_sinks()
returns table (sink text, reason text, disabled_at timestamptz)
language sql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
    select d.sink, d.reason, d.disabled_at
      from public.disabled_sinks as d
     order by d.disabled_at, d.sink
$$;
comment on function public.list_disabled_sinks() is
    'Sinks that answered that they are gone, and since when no event is sent there.';
revoke all on function public.list_disabled_sinks() from public;
grant execute on function public.list_disabled_sinks() to lead_worker, lead_operations;
