-- How it has gone in the first day, week or month from a moment on: each figure for the whole of it (part 0), and hour
-- by hour or day by day for a chart. Days are of 24 hours, counted from that moment, as the windows of cost are.
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
    with asked as materialized (
        select coalesce(internal.checked_moment(performance_since.since, 'since', false), now()) as since, w.*
          from (
               values ('24h', 24, 1, '1h'), ('7d', 7, 24, '24h'), ('30d', 30, 24, '24h')
               ) as w (time_window, parts, hours, part_window)
         where w.time_window = performance_since.time_window
    ),

    parts as materialized (
        select 0 as part, a.since as started_at, a.since + make_interval(hours => a.parts * a.hours) as ended_at,
               a.time_window
          from asked as a
         union all
        select p.part, a.since + make_interval(hours => (p.part - 1) * a.hours),
               a.since + make_interval(hours => p.part * a.hours), a.part_window
          from asked as a
         cross join lateral generate_series(1, a.parts) as p (part)
    ),

    -- What lies ahead has no figures; what is under way has those so far.
    figures as (
        select p.part, f.*
          from parts as p
         cross join lateral internal.reminders_between(p.started_at, p.ended_at) as r
         -- One that waits unsent is late from the end of its time on, as an unanswered catering request is.
         cross join lateral (
               select r.sent + count(*) as due
                 from public.lead_reminders as x
                cross join (
                      select make_interval(secs => k.threshold::double precision) as sla
                        from public.v_kpi_thresholds as k
                       where k.kpi = 'reminder_oldest_unsent'
                      ) as t
                where x.sent_at is null and greatest(x.due_at, x.known_at) > p.started_at - t.sla
                  and greatest(x.due_at, x.known_at) <= p.ended_at - t.sla
                  and greatest(x.due_at, x.known_at) < now() - t.sla
               ) as d
         cross join lateral internal.samples_between(p.started_at, p.ended_at) as s
         cross join lateral internal.catering_between(p.started_at, p.ended_at) as e
         cross join lateral (
               select x.cost_eur, x.new_leads, x.cost_per_lead_eur
                 from public.cost_per_lead(p.ended_at) as x
                where x.team is null and x.time_window = p.time_window
               ) as c
         cross join lateral (
               values
               (
                   1, 'reminders_in_time', 'reminders_in_time_24h', 'Reminders sent in time', 'percent',
                   -- Not rounded up: one of thousands that was late leaves it below 100.
                   trunc(100.0 * r.in_time / nullif(d.due, 0), 1),
                   concat_ws(
                       ', ', format('%s of %s in time', r.in_time, d.due),
                       '99 % within ' || ceil(r.p99_seconds / 60) || ' min'
                   )
               ),
               (
                   2, 'sample_success', 'sample_success', 'Samples that arrived', 'percent', s.success_percent,
                   format('%s delivered, %s lost, %s failed', s.delivered, s.lost, s.failed)
               ),
               (
                   3, 'samples_lost', 'samples_lost', 'Samples lost', 'samples',
                   case when s.delivered + s.lost + s.failed > 0 then s.lost end,
                   format('of %s', s.delivered + s.lost + s.failed)
               ),
               (
                   4, 'catering_response', 'catering_response', 'Catering: slowest answer', 'seconds',
                   e.slowest_seconds,
                   format('%s answered, 95 %% within %s min', e.answered, ceil(e.p95_seconds / 60))
               ),
               (
                   5, 'catering_breaches', 'catering_breaches', 'Catering: not answered in time', 'requests',
                   case when e.answered + e.breaches > 0 then e.breaches end,
                   format('%s late or not at all', e.breaches)
               ),
               (
                   6, 'cost_per_lead', 'cost_per_lead', 'Cost per new lead', 'EUR',
                   case when c.cost_eur > 0 then c.cost_per_lead_eur end,
                   format('%s EUR, new leads: %s', round(c.cost_eur, 2), c.new_leads)
               ),
               (7, 'new_leads', null, 'New leads', 'leads', c.new_leads, null)
               ) as f (n, kpi, target, title, unit, value, detail)
         where p.started_at < now()
    )

    -- Judged as it is, rounded for the eye only.
    select f.kpi, f.title, p.part, p.started_at, p.ended_at,
           case when f.kpi in ('sample_success', 'cost_per_lead') then round(f.value, 2) else f.value end, f.unit,
           t.comparison, trim_scale(t.threshold),
           public.kpi_status(f.value, t.comparison, t.threshold, t.tolerated),
           case when f.value is not null then f.detail end
      from parts as p
      join figures as f on f.part = p.part
      left join public.v_kpi_thresholds as t on t.kpi = f.target
     order by f.n, p.part
$$;
comment on function public.performance_since(timestamptz, text) is
    'The figures of the first 24h, 7d or 30d since a moment, for the whole (part 0) and by hour or day, as far as these have begun: value against its target as of now(), null where there were no cases to judge by. Another window has no rows. Errors: LP006, LP007 moment.';
revoke all on function public.performance_since(timestamptz, text) from public;
grant execute on function public.performance_since(timestamptz, text) to lead_operations;
