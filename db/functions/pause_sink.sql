-- A receiver that asks for a pause gets it from every process, and after every restart; the longest counts.
-- security definer: the worker calls functions, it does not write tables.
create or replace function public.pause_sink(p_sink text, p_reason text, p_seconds double precision)
returns timestamptz
language sql
security definer
set search_path = pg_catalog, pg_temp
as $$
    insert into public.paused_sinks as s (sink, reason, paused_until)
    values (p_sink, p_reason, clock_timestamp() + make_interval(secs => least(p_seconds, 86400)))
    on conflict on constraint paused_sinks_pkey do update
       set reason = excluded.reason, paused_at = excluded.paused_at,
           paused_until = greatest(s.paused_until, excluded.paused_until)
    returning s.paused_until
$$;
comment on function public.pause_sink(text, text, double precision) is
    'Notes that a sink is to be left alone for p_seconds (a day at most), and why; returns until when.';
revoke all on function public.pause_sink(text, text, double precision) from public;
grant execute on function public.pause_sink(text, text, double precision) to lead_worker;
