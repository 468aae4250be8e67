-- The workers as a person reads them; those that are switched off are shown without a target.
create or replace view public.monitoring_jobs as
with runs as (
    select
        r.job,
        count(*) filter (where r.outcome = 'SUCCESS') as succeeded,
        count(*) filter (where r.outcome = 'FAILURE') as failed,
        count(*) filter (where r.outcome is null) as unfinished
    from public.job_runs as r
    where r.started_at > now() - interval '24 hours'
    group by r.job
),

successes as (
    select
        r.job,
        extract(epoch from now() - max(r.finished_at)) as age
    from public.job_runs as r
    where r.outcome = 'SUCCESS'
    group by r.job
),

jobs as (
    select s.job
    from successes as s
    union
    select r.job
    from runs as r
    union
    select e.job
    from public.v_expected_jobs as e
),

figures as (
    select
        'job_last_success' as kpi,
        j.job as dimension,
        case when s.age < 0 then 0 else s.age end as value,
        'seconds' as unit,
        1 as n
    from jobs as j
    left join successes as s on j.job = s.job
    union all
    select
        'job_runs_24h',
        j.job,
        coalesce(r.succeeded, 0),
        'runs',
        2
    from jobs as j
    left join runs as r on j.job = r.job
    union all
    select
        'job_failures_24h',
        j.job,
        coalesce(r.failed, 0),
        'runs',
        3
    from jobs as j
    left join runs as r on j.job = r.job
    union all
    select
        'snapshot_age',
        null,
        extract(epoch from now() - f.taken_at),
        'seconds',
        4
    from internal.figure_snapshot as f
)

select
    f.kpi,
    f.dimension,
    -- Judged as it is, rounded for the eye only.
    round(f.value) as value,
    f.unit,
    coalesce(t.threshold, trim_scale(extract(epoch from e.max_silence))) as threshold,
    coalesce(e.status, public.kpi_status(f.value, t.comparison, t.threshold, t.tolerated)) as status
from figures as f
left join public.v_kpi_thresholds as t on f.kpi = t.kpi
left join public.v_expected_jobs as e on f.kpi = 'job_last_success' and f.dimension = e.job
order by f.n, f.dimension;
comment on view public.monitoring_jobs is
    'The workers: age of the last success, runs and failures in 24 hours, and the age of the figures.';
grant select on public.monitoring_jobs to lead_operations, grafana_reader;
