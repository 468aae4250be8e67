-- Samples as a person reads them: of those that were resolved in the window.
create or replace view public.monitoring_samples as
with counted as (
    select
        w.time_window,
        w.n,
        s.*
    from (
        values ('24h', 1, interval '24 hours'), ('7d', 2, interval '168 hours'), ('30d', 3, interval '720 hours')
    ) as w (time_window, n, length)
    cross join lateral internal.samples_between(now() - w.length, now()) as s
),

unresolved as (
    select count(*) as samples
    from public.sample_requests as s
    where s.resolved_at is null
),

figures as (
    select
        'sample_success' as kpi,
        c.time_window as dimension,
        c.success_percent as value,
        'percent' as unit,
        10 + c.n as n
    from counted as c
    union all
    select
        'samples_lost',
        c.time_window,
        c.lost,
        'samples',
        20 + c.n
    from counted as c
    union all
    select
        'samples_failed',
        c.time_window,
        c.failed,
        'samples',
        30 + c.n
    from counted as c
    union all
    select
        'samples_delivered',
        c.time_window,
        c.delivered,
        'samples',
        40 + c.n
    from counted as c
    union all
    select
        'samples_open',
        null,
        u.samples,
        'samples',
        50
    from unresolved as u
)

select
    f.kpi,
    f.dimension,
    -- Judged as it is, rounded for the eye only.
    case when f.kpi = 'sample_success' then round(f.value, 2) else f.value::numeric end as value,
    f.unit,
    trim_scale(t.threshold) as threshold,
    public.kpi_status(f.value, t.comparison, t.threshold, t.tolerated) as status
from figures as f
left join public.v_kpi_thresholds as t on f.kpi = t.kpi
order by f.n;
comment on view public.monitoring_samples is
    'Samples resolved in 24 hours, 7 and 30 days: success = delivered / (delivered + lost + failed), against the target of the season; value is null where none was resolved.';
grant select on public.monitoring_samples to lead_operations, grafana_reader;
