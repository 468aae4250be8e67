-- Runs are purged; that they were stays counted.
-- security definer: writers have no right on the machinery.
create or replace function internal.count_job_runs() returns trigger
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    perform internal.count_figure('job_runs_total', new.job, new.outcome);
    perform internal.count_figure(
        'job_duration_seconds', new.job, '', 1, greatest(extract(epoch from new.finished_at - new.started_at), 0)
    );
    return null;
end
$$;
comment on function internal.count_job_runs() is 'Trigger on job_runs: counts runs that are over, by outcome and by how long they took.';
revoke all on function internal.count_job_runs() from public;

create or replace trigger job_runs_count after insert on public.job_runs
for each row when (new.outcome is not null) execute function internal.count_job_runs();
create or replace trigger job_runs_count_finished after update of outcome on public.job_runs
for each row when (old.outcome is null and new.outcome is not null)
execute function internal.count_job_runs();
