-- Catering as a person reads it: how fast requests were answered, and who still waits.
create or replace view public.monitoring_event_catering as
with counted as (
    select
        w.time_window,
        w.n,
        c.*
    from (
        values ('24h', 1, interval '24 hours'), ('7d', 2, interval '168 hours'), ('30d', 3, interval '720 hours')
    ) as w (time_window, n, length)
    cross join lateral internal.catering_between(now() - w.length, now()) as c
),

waiting as (
    select
        count(*) as requests,
        max(extract(epoch from now() - c.requested_at)) as longest
    from public.event_catering_requests as c
    where c.responded_at is null
),

figures as (
    select
        'catering_response' as kpi,
        'p95 ' || a.time_window as dimension,
        a.p95_seconds as value,
        'seconds' as unit,
        10 + a.n as n
    from counted as a
    union all
    select
        'catering_response',
        'slowest ' || a.time_window,
        a.slowest_seconds,
        'seconds',
        20 + a.n
    from counted as a
    union all
    select
        'catering_response',
        'longest waiting',
        floor(w.longest),
        'seconds',
        30
    from waiting as w
    union all
    select
        'catering_breaches',
        a.time_window,
        a.breaches,
        'requests',
        40 + a.n
    from counted as a
    union all
    select
        'catering_answered',
        a.time_window,
        a.answered,
        'requests',
        50 + a.n
    from counted as a
    union all
    select
        'catering_waiting',
        null,
        w.requests,
        'requests',
        60
    from waiting as w
)

select
    f.kpi,
    f.dimension,
    f.value::numeric as value,
    f.unit,
    trim_scale(t.threshold) as threshold,
    public.kpi_status(f.value, t.comparison, t.threshold, t.tolerated) as status
from figures as f
left join public.v_kpi_thresholds as t on f.kpi = t.kpi
order by f.n;
comment on view public.monitoring_event_catering is
    'Catering requests answered in 24 hours, 7 and 30 days: 95th percentile and slowest, breaches of the SLA (the unanswered too), and who waits; value is null where there is none.';
grant select on public.monitoring_event_catering to lead_operations, grafana_reader;
