-- From the snapshot: observed when the run ended.
create or replace view public.metric_job_duration_seconds as
select
    h.label_1 as job,
    k.bounds,
    h.counts,
    h.count,
    h.sum
from internal.figure_histograms as h
inner join internal.figure_kinds as k on h.figure = k.figure
where h.figure = 'job_duration_seconds';
comment on view public.metric_job_duration_seconds is 'How long the runs of the workers took.';
grant select on public.metric_job_duration_seconds to lead_exporter, lead_operations;
