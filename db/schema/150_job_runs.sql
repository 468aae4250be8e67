-- One row per pass of a worker, so that silence is noticed.
create table if not exists public.job_runs (
    id bigint generated always as identity,
    job text not null,
    started_at timestamptz not null default clock_timestamp(),
    finished_at timestamptz,
    outcome text,
    detail jsonb not null default '{}',
    constraint job_runs_pkey primary key (id),
    constraint job_runs_outcome_known check (outcome in ('SUCCESS', 'FAILURE')),
    constraint job_runs_finished_has_outcome check ((finished_at is null) = (outcome is null))
);
comment on table public.job_runs is 'Runs of the workers; unfinished while outcome is null.';

create index if not exists job_runs_by_job on public.job_runs (job, started_at);
