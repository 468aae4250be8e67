-- Runs that are told of afterwards.
begin;
select plan(5);

set local role lead_worker;
select isnt(public.record_job_run('remind', interval '90 seconds', 'SUCCESS', '{"handled": 3}'), null, 'a worker tells of what it did');
reset role;
select results_eq(
    $$select job, outcome, detail, finished_at - started_at from job_runs order by id desc limit 1$$,
    $$values ('remind', 'SUCCESS', jsonb '{"handled": 3}', interval '90 seconds')$$,
    'the run stands there as finished, and took as long as was said'
);
select cmp_ok((select finished_at from job_runs order by id desc limit 1), '<=', clock_timestamp(), 'it ended by now');
select throws_ok($$select record_job_run('remind', interval '0', 'MAYBE')$$, '23514', null, 'a run succeeds or fails');
select throws_ok($$select record_job_run('remind', interval '0', null)$$, '23514', null, 'a run that is over has an outcome');

select * from finish();
rollback;
