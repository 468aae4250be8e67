-- A worker that never ends tells of its passes afterwards, several in one row: a row for each look at an
-- empty queue would bury the rows that matter.
-- security definer: the worker calls functions, it does not write tables.
create or replace function public.record_job_run(
    p_job text,
    p_took interval,
    p_outcome text,
    p_detail jsonb default '{}'
) returns bigint
language sql
security definer
set search_path = pg_catalog, pg_temp
as $$
    insert into public.job_runs (job, started_at, finished_at, outcome, detail)
    select p_job, n.at - p_took, n.at, p_outcome, coalesce(p_detail, '{}')
      from clock_timestamp() as n (at)
    returning id
$$;
comment on function public.record_job_run(text, interval, text, jsonb) is
    'Writes a row in job_runs for work that is over and took p_took, with SUCCESS or FAILURE and what was done; returns its id.';
revoke all on function public.record_job_run(text, interval, text, jsonb) from public;
grant execute on function public.record_job_run(text, interval, text, jsonb) to lead_worker;
