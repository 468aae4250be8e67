-- A receiver that is gone for good is left alone by every process and after every restart.
-- security definer: the worker calls functions, it does not write tables.
create or replace function public.disable_sink(p_sink text, p_reason text) returns void
language sql
security definer
set search_path = pg_catalog, pg_temp
as $$
    insert into public.disabled_sinks (sink, reason)
    values (p_sink, p_reason)
    on conflict on constraint disabled_sinks_pkey do nothing
$$;
comment on function public.disable_sink(text, text) is
    'Notes that a sink is not to be used any more, and why; the first reason stays.';
revoke all on function public.disable_sink(text, text) from public;
grant execute on function public.disable_sink(text, text) to lead_worker;
