-- Catering as a person reads it: how fast requests were answered, and who still waits.
create or replace view public.monitoring_event_catering as
with answered as (
    select
        w.time_window,
        w.n,
        count(c.id) as requests,
        percentile_cont(0.95) within group (
            order by extract(epoch from c.responded_at - c.requested_at)
        ) as p95,
        max(extract(epoch from c.responded_at - c.requested_at)) as slowest
    from (
        values ('24h', 1, interval '24 hours'), ('7d', 2, interval '168 hours'), ('30d', 3, interval '720 hours')
    ) as w (time_window, n, length)
    left join public.event_catering_requests as c
        on c.responded_at > now() - w.length and c.responded_at <= now()
    group by w.time_window, w.n
),

-- A breach by the passing of time counts from its moment on, recorded or not.
late as (
    select
        w.time_window,
        w.n,
        count(c.id) as requests
    from (
        values ('24h', 1, interval '24 hours'), ('7d', 2, interval '168 hours'), ('30d', 3, interval '720 hours')
    ) as w (time_window, n, length)
    cross join public.v_kpi_thresholds as t
    left join public.event_catering_requests as c
        on
            c.breached_at > now() - w.length and c.breached_at <= now()
            or c.responded_at is null and c.breached_at is null
            and c.requested_at <= now() - make_interval(secs => t.threshold::double precision)
            and c.requested_at > now() - make_interval(secs => t.threshold::double precision) - w.length
    where t.kpi = 'catering_response'
    group by w.time_window, w.n
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
        round(a.p95::numeric) as value,
        'seconds' as unit,
        10 + a.n as n
    from answered as a
    union all
    select
        'catering_response',
        'slowest ' || a.time_window,
        round(a.slowest),
        'seconds',
        20 + a.n
    from answered as a
    union all
    select
        'catering_response',
        'longest waiting',
        round(w.longest),
        'seconds',
        30
    from waiting as w
    union all
    select
        'catering_breaches',
        l.time_window,
        l.requests,
        'requests',
        40 + l.n
    from late as l
    union all
    select
        'catering_answered',
        a.time_window,
        a.requests,
        'requests',
        50 + a.n
    from answered as a
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
