-- From the snapshot: counted when the run ended.
create or replace view public.metric_job_runs_total as
select
    c.label_1 as job,
    c.label_2 as outcome,
    c.amount::double precision as value
from internal.figure_counters as c
where c.figure = 'job_runs_total';
comment on view public.metric_job_runs_total is 'Runs of the workers that are over.';
grant select on public.metric_job_runs_total to lead_exporter, lead_operations;
