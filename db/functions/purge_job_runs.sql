-- A run a minute adds up. The last run of each job and its last success stay: by them silence is noticed.
-- security definer: the worker calls functions, it does not write tables.
create or replace function public.purge_job_runs("limit" integer default 10000) returns integer
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_limit constant integer := internal.checked_limit(purge_job_runs."limit");
    v_purged integer;
begin
    delete from public.job_runs as j
     where j.id in (
         select r.id
           from public.job_runs as r
          where r.started_at < internal.retention_start('job_runs_retention')
            and r.id not in (select max(l.id) from public.job_runs as l group by l.job, l.outcome)
          order by r.id
          limit v_limit
            for update skip locked
     );
    get diagnostics v_purged = row_count;
    return v_purged;
end
$$;
comment on function public.purge_job_runs(integer) is
    'Deletes up to "limit" runs older than the setting job_runs_retention, but the last of each job and outcome; returns how many. Errors: LP022.';
revoke all on function public.purge_job_runs(integer) from public;
grant execute on function public.purge_job_runs(integer) to lead_worker;
