-- How it has gone in the first day, week or month from a moment on: each figure for the whole of it (part 0), and hour
-- by hour or day by day for a chart, against its target.
-- security definer: operations ask, and have no right on the machinery.
create or replace function public.performance_since(since timestamptz, time_window text)
returns table (
    kpi text,
    title text,
    part integer,
    started_at timestamptz,
    ended_at timestamptz,
    value numeric,
    unit text,
    comparison text,
    threshold numeric,
    status text,
    detail text
)
language sql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
    -- Judged as it is, rounded for the eye only; one late reminder of thousands leaves it below 100.
    select f.kpi, f.title, p.part, p.started_at, p.ended_at,
           case
               when f.kpi = 'reminders_in_time' then trunc(f.value, 1)
               when f.kpi in ('sample_success', 'cost_per_lead') then round(f.value, 2)
               else f.value
           end,
           f.unit, t.comparison, trim_scale(t.threshold),
           public.kpi_status(f.value, t.comparison, t.threshold, t.tolerated), f.detail
      from internal.divide_window(performance_since.since, performance_since.time_window) as p
     cross join lateral internal.summarise_performance(p.started_at, p.ended_at, p.time_window) as f
      left join public.v_kpi_thresholds as t on t.kpi = f.target
     -- What lies ahead has no figures; what is under way has those so far.
     where p.started_at < now()
     order by f.n, p.part
$$;
comment on function public.performance_since(timestamptz, text) is
    'The figures of the first 24h, 7d or 30d since a moment, for the whole (part 0) and by hour or day, as far as these have begun: value against its target as of now(), null where there were no cases to judge by. Another window has no rows. Errors: LP006, LP007 moment.';
revoke all on function public.performance_since(timestamptz, text) from public;
grant execute on function public.performance_since(timestamptz, text) to lead_operations;
