-- Does every worker that is expected run, and succeed? One that was switched off stays on the list: somebody has to
-- know why.
create or replace function internal.inspect_jobs() returns setof public.readiness_finding
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
    select 'job ' || j.job,
           case
               when j.status = 'BREACH' then 'FAIL'
               when j.last_success_at is null or j.status = 'WARN' or l.outcome = 'FAILURE' then 'WARN'
               else 'OK'
           end,
           coalesce(
               'last success ' || round(extract(epoch from now() - j.last_success_at)) || ' s ago',
               'has never succeeded'
           )
           || case
               when l.outcome = 'FAILURE' then '; the last run failed: ' || coalesce(l.detail ->> 'error', '?')
               else ''
           end,
           case
               when j.last_success_at is null or j.status <> 'OK' or l.outcome = 'FAILURE'
                   then format(
                       'Run leadguard %s, and see that the scheduler does%s. Switched off: select expect_job(%L, false).',
                       j.job, case when j.job = 'mail' then ', with LEADGUARD_SMTP set' end, j.job
                   )
           end
      from (select e.* from public.v_expected_jobs as e order by e.job) as j
      left join lateral (
          select r.outcome, r.detail
            from public.job_runs as r
           where r.job = j.job and r.outcome is not null
           order by r.started_at desc
           limit 1
      ) as l on true
     union all
    (
        select 'job ' || j.job, 'WARN',
               'switched off since ' || to_char(timezone('UTC', j.switched_off_at), 'YYYY-MM-DD HH24:MI') || ' UTC',
               format('If it is to run: select expect_job(%L).', j.job)
          from public.expected_jobs as j
         where j.switched_off_at is not null
         order by j.job
    )
$$;
comment on function internal.inspect_jobs() is
    'Finding on each expected job, as of now, then on each one switched off.';
revoke all on function internal.inspect_jobs() from public;
