-- One reading of a worker's silence for status, monitoring and the readiness check. One that has been switched on
-- again after a pause, or has never succeeded, is silent since it is expected.
create or replace view public.v_expected_jobs as
with silences as (
    select
        j.job,
        j.expected_since,
        j.max_silence,
        j.tolerated_silence,
        s.finished_at as last_success_at,
        greatest(now() - greatest(s.finished_at, j.expected_since), interval '0') as silence
    from public.expected_jobs as j
    left join lateral (
        select r.finished_at
        from public.job_runs as r
        where r.job = j.job and r.outcome = 'SUCCESS'
        order by r.started_at desc
        limit 1
    ) as s on true
    where j.expected_since is not null
)

select
    x.job,
    x.expected_since,
    x.last_success_at,
    x.silence,
    x.max_silence,
    x.tolerated_silence,
    public.kpi_status(
        extract(epoch from x.silence), '<', extract(epoch from x.max_silence), extract(epoch from x.tolerated_silence)
    ) as status
from silences as x;
comment on view public.v_expected_jobs is
    'The workers that are expected to run, as of now(): the last success, for how long there has been none, and whether that is in order.';
grant select on public.v_expected_jobs to lead_operations, grafana_reader;
