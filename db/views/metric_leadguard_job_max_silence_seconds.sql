-- What JobStale compares with. A worker that is switched off has no series, and so no alert.
create or replace view public.metric_leadguard_job_max_silence_seconds as
select
    j.job,
    extract(epoch from j.max_silence)::double precision as value
from public.expected_jobs as j
where j.expected_since is not null;
comment on view public.metric_leadguard_job_max_silence_seconds is 'How long the worker may be without a success.';
grant select on public.metric_leadguard_job_max_silence_seconds to lead_exporter, lead_operations;
