-- Which workers are missed: those that are expected, also when they have never run, and none that is switched off.
begin;
select plan(31);
set local time zone 'Europe/Berlin';
create function pg_temp.stands(p_job text) returns text language sql as $$
    select coalesce((select e.status from public.v_expected_jobs as e where e.job = p_job), 'off') || ', ' || coalesce((
               select coalesce(trim_scale(m.value)::text, 'never') || ' of ' || coalesce(m.threshold::text, 'none') || coalesce(' ' || m.status, '')
                 from public.monitoring_jobs as m where m.kpi = 'job_last_success' and m.dimension = p_job), 'not shown')
$$;
create function pg_temp.finding(p_job text) returns text language sql as $$
    select f.status || ': ' || f.evidence from public.production_readiness_check() as f where f.what = 'job ' || p_job
$$;

select set_eq(
    $$select job, extract(epoch from max_silence)::integer as silence, extract(epoch from tolerated_silence)::integer as tolerated from expected_jobs where expected_since is not null$$,
    $$values ('remind', 900, 3600), ('publish', 900, 3600), ('expire', 900, 3600), ('breaches', 900, 3600), ('refresh', 900, 3600), ('maintain', 93600, 604800)$$,
    'from the first moment on all workers but that of mail are expected'
);
select cmp_ok((select min(expected_since) from expected_jobs), '<=', clock_timestamp(), 'since they were set up');
select set_eq($$select job, value from metric_leadguard_job_max_silence_seconds$$,
    $$select job, extract(epoch from max_silence)::double precision as value from expected_jobs where expected_since is not null$$, 'Prometheus is told how long each may be silent');
select set_eq($$select job, value from metric_leadguard_job_expected_since_timestamp_seconds$$,
    $$select job, extract(epoch from expected_since)::double precision as value from expected_jobs where expected_since is not null$$, 'and since when');

-- Never ran.
update expected_jobs set expected_since = now() - interval '14 minutes' where job = 'breaches';
select is(pg_temp.stands('breaches'), 'OK, never of 900 OK', 'a worker that has just been set up has time');
select is(pg_temp.finding('breaches'), 'WARN: has never succeeded', 'but is not ready');
update expected_jobs set expected_since = now() - interval '15 minutes' where job = 'breaches';
select is(pg_temp.stands('breaches'), 'WARN, never of 900 WARN', 'one that has never run is missed after its silence');
update expected_jobs set expected_since = now() - interval '61 minutes' where job = 'breaches';
select is(pg_temp.stands('breaches'), 'BREACH, never of 900 BREACH', 'and more so after an hour');
select is(pg_temp.finding('breaches'), 'FAIL: has never succeeded', 'which is a failure');

-- Ran and stopped.
insert into job_runs (job, started_at, finished_at, outcome) values ('breaches', now() - interval '5 minutes', now() - interval '5 minutes', 'SUCCESS');
select is(pg_temp.stands('breaches'), 'OK, 300 of 900 OK', 'one that works is in order');
update job_runs set started_at = now() - interval '20 minutes', finished_at = now() - interval '20 minutes' where job = 'breaches';
insert into job_runs (job, started_at, finished_at, outcome) values ('breaches', now(), now(), 'FAILURE');
select is(pg_temp.stands('breaches'), 'WARN, 1200 of 900 WARN', 'one that has stopped to succeed is not');

-- Switched off, and on again.
set local role lead_operations;
select lives_ok($$select expect_job('breaches', false)$$, 'operations switch a worker off');
reset role;
select is(pg_temp.stands('breaches'), 'off, 1200 of none', 'it is shown, and asked for nothing');
select matches(pg_temp.finding('breaches'), '^WARN: switched off since [-0-9]{10} [:0-9]{5} UTC$', 'readiness says that it is off');
select is((select what_to_do from production_readiness_check() where what = 'job breaches'), 'If it is to run: select expect_job(''breaches'').', 'and how it is switched on');
select expect_job('consume', false);
select is(pg_temp.finding('consume'), null, 'of one that is off as installed it says nothing, also where somebody says so');
select is_empty($$select from metric_leadguard_job_max_silence_seconds where job = 'breaches'$$, 'Prometheus has nothing to compare with');
select is_empty($$select from metric_leadguard_job_expected_since_timestamp_seconds where job = 'breaches'$$, 'and nothing to count from');
update expected_jobs set switched_off_at = '2026-01-01 00:00+01' where job = 'breaches';
select expect_job('breaches', false);
select is(pg_temp.finding('breaches'), 'WARN: switched off since 2025-12-31 23:00 UTC', 'switched off twice, the first time counts');
select expect_job('breaches');
select is(pg_temp.stands('breaches'), 'OK, 1200 of 900 OK', 'on again, it is silent from now on only');
select matches(pg_temp.finding('breaches'), '^WARN: last success 1200 s ago', 'and no longer off');
create temp table since as select expected_since from expected_jobs where job = 'breaches';
select expect_job('breaches');
select results_eq($$select expected_since from expected_jobs where job = 'breaches'$$, $$select expected_since from since$$, 'said twice, the first time counts');
select throws_ok($$select expect_job('brunch', false)$$, 'LP045', null, 'an unknown one is refused');
select throws_ok($$select expect_job('remind', null)$$, 'LP045', null, 'so is what says neither');
select isnt((select expected_since from expected_jobs where job = 'remind'), null, 'and switches nothing off');

-- Mail goes by its setting.
select is(pg_temp.stands('mail'), 'off, not shown', 'without mail nobody misses its worker');
update settings set value = 'leads@mail.example' where name = 'mail_from';
select is(pg_temp.stands('mail'), 'OK, never of 900 OK', 'with it it is expected');
select expect_job('mail', false);
select matches(pg_temp.finding('mail'), '^WARN: switched off', 'switched off beside it, readiness says so');
update settings set value = '' where name = 'mail_from';
select is(pg_temp.stands('mail'), 'off, not shown', 'and no longer when mail is given up');
select is(pg_temp.finding('mail'), null, 'then it is off as installed');

select throws_ok($$update expected_jobs set tolerated_silence = interval '1 minute' where job = 'remind'$$, '23514', null, 'less is not tolerated than is allowed');
select * from finish();
rollback;
