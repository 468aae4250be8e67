-- Silence of a worker is measured against what is expected of it, also where it has never run. Data: an installation
-- that runs a worker less often says so here and nowhere else.
create table if not exists public.expected_jobs (
    job text not null,
    max_silence interval not null,
    tolerated_silence interval not null,
    expected_since timestamptz,
    switched_off_at timestamptz,
    constraint expected_jobs_pkey primary key (job),
    constraint expected_jobs_job_not_blank check (not internal.is_blank(job)),
    constraint expected_jobs_max_silence_positive check (max_silence > interval '0'),
    constraint expected_jobs_tolerated_beyond_max check (tolerated_silence >= max_silence),
    constraint expected_jobs_switched_off_is_not_expected check (switched_off_at is null or expected_since is null)
);
comment on table public.expected_jobs is
    'The workers that are to succeed again and again: how long without a success is in order, and how long is tolerated.';
comment on column public.expected_jobs.expected_since is
    'From when on silence counts where there has been no success since; null: it is not to run.';
comment on column public.expected_jobs.switched_off_at is
    'When a person switched it off (expect_job); null: it is to run, or is off as installed.';
-- With mail it is as with its setting. Other modules' events are consumed where expect_job says so: most do not.
insert into public.expected_jobs (job, max_silence, tolerated_silence, expected_since)
select j.job, j.max_silence, j.tolerated_silence, case when j.is_expected then clock_timestamp() end
  from (values
           ('remind', interval '15 minutes', interval '1 hour', true),
           ('publish', interval '15 minutes', interval '1 hour', true),
           ('expire', interval '15 minutes', interval '1 hour', true),
           ('breaches', interval '15 minutes', interval '1 hour', true),
           ('maintain', interval '26 hours', interval '168 hours', true),
           ('refresh', interval '15 minutes', interval '1 hour', true),
           (
               'mail', interval '15 minutes', interval '1 hour',
               exists (select from public.settings as s where s.name = 'mail_from' and s.value <> '')
           ),
           ('consume', interval '15 minutes', interval '1 hour', false)
       ) as j (job, max_silence, tolerated_silence, is_expected)
on conflict (job) do nothing;

grant select on public.expected_jobs to lead_operations;
