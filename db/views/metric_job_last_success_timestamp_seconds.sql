-- Read live: a worker that is dead must be told from a snapshot that is old. From job to job by the index, so that
-- it costs the same with a million runs.
create or replace view public.metric_job_last_success_timestamp_seconds as
with recursive jobs as (
    select (select min(r.job) from public.job_runs as r) as job
    union all
    select (select min(r.job) from public.job_runs as r where r.job > j.job)
    from jobs as j
    where j.job is not null
)

select
    j.job,
    extract(epoch from s.finished_at)::double precision as value
from (select x.job from jobs as x where x.job is not null limit 200) as j
cross join lateral (
    select r.finished_at
    from public.job_runs as r
    where r.job = j.job and r.outcome = 'SUCCESS'
    order by r.started_at desc
    limit 1
) as s;
comment on view public.metric_job_last_success_timestamp_seconds is 'When a run of the worker last succeeded.';
grant select on public.metric_job_last_success_timestamp_seconds to lead_exporter, lead_operations;
