-- A worker says how its pass ended.
-- security definer: the worker calls functions, it does not write tables.
create or replace function public.finish_job_run(p_id bigint, p_outcome text, p_detail jsonb default '{}')
returns void
language sql
security definer
set search_path = pg_catalog, pg_temp
as $$
    update public.job_runs as j
       set finished_at = clock_timestamp(), outcome = p_outcome, detail = coalesce(p_detail, '{}')
     where j.id = p_id and j.finished_at is null
$$;
comment on function public.finish_job_run(bigint, text, jsonb) is
    'Closes a row of job_runs with SUCCESS or FAILURE and what was done; closing twice changes nothing.';
revoke all on function public.finish_job_run(bigint, text, jsonb) from public;
grant execute on function public.finish_job_run(bigint, text, jsonb) to lead_worker;
