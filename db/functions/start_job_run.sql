-- A worker says that it has begun.
-- security definer: the worker calls functions, it does not write tables.
create or replace function public.start_job_run(p_job text) returns bigint
language sql
security definer
set search_path = pg_catalog, pg_temp
as $$
    insert into public.job_runs (job) values (p_job) returning id
$$;
comment on function public.start_job_run(text) is 'Opens a row in job_runs and returns its id.';
revoke all on function public.start_job_run(text) from public;
grant execute on function public.start_job_run(text) to lead_worker;
