-- From when on JobStale counts where there has been no success since: a worker that never ran is missed, too.
create or replace view public.metric_leadguard_job_expected_since_timestamp_seconds as
select
    j.job,
    extract(epoch from j.expected_since)::double precision as value
from public.expected_jobs as j
where j.expected_since is not null;
comment on view public.metric_leadguard_job_expected_since_timestamp_seconds is
    'Since when the worker has been expected to run.';
grant select on public.metric_leadguard_job_expected_since_timestamp_seconds
to lead_exporter, lead_operations;
