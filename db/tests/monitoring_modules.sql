-- Samples, catering, cost and workers as a person reads them, against their targets.
begin;
select plan(32);
set local time zone 'Europe/Berlin';
-- No season but the one that the tests make.
delete from seasons;

create function pg_temp.kpi(p_view text, p_kpi text, p_dimension text default null) returns text language plpgsql as $$
declare v text;
begin
    execute format('select coalesce(trim_scale(value)::text, ''none'') || coalesce('' '' || status, '''') from public.monitoring_%s where kpi = %L and dimension is not distinct from %L', p_view, p_kpi, p_dimension)
       into strict v;
    return v;
end $$;
select columns_are('public', 'monitoring_' || v, array['kpi', 'dimension', 'value', 'unit', 'threshold', 'status'], format('monitoring_%s has the columns of page 2', v))
  from unnest(array['samples', 'event_catering', 'cost_per_lead', 'jobs']) as v;

-- Samples.
select is(pg_temp.kpi('samples', 'sample_success', '24h'), 'none', 'without samples there is no success, and no division by zero');
select is(pg_temp.kpi('samples', 'samples_lost', '24h'), '0 OK', 'none is lost');
insert into sample_requests (user_id, product_type, status, requested_at, resolved_at)
select 7, 'Pasta', s.status, now() - interval '2 days', now() - s.age
  from (values ('DELIVERED', 17, interval '1 hour'), ('FAILED', 3, interval '1 hour'), ('CANCELLED', 9, interval '1 hour'), ('DELIVERED', 80, interval '30 hours')) as s (status, n, age)
 cross join generate_series(1, s.n);
insert into sample_requests (user_id, product_type) select 7, 'Pasta' from generate_series(1, 5);
select is(pg_temp.kpi('samples', 'sample_success', '24h'), '85 WARN', 'more than 85 percent is asked for; open and cancelled ones do not count');
select is(pg_temp.kpi('samples', 'sample_success', '7d'), '97 OK', 'over the week it is better');
select is(pg_temp.kpi('samples', 'samples_open'), '5', 'five are open');
insert into seasons (season, first_month, last_month, load_multiplier, app_utilisation, worker_utilisation, database_utilisation) values ('Test', 1, 12, 2, 0.5, 0.5, 0.5);
select is(pg_temp.kpi('samples', 'sample_success', '24h'), '85 OK', 'in a peak season 80 percent are enough');
select is((select threshold from monitoring_samples where kpi = 'sample_success' limit 1), 80::numeric, 'and the threshold says so');
insert into sample_requests (user_id, product_type, status, requested_at, resolved_at) select 7, 'Pasta', 'LOST', now() - interval '1 day', now() from generate_series(1, 2);
select is(pg_temp.kpi('samples', 'sample_success', '24h'), '77.27 BREACH', 'less is a breach');
select is(pg_temp.kpi('samples', 'samples_lost', '24h'), '2 BREACH', 'a lost one always is');

-- Catering.
select is(pg_temp.kpi('event_catering', 'catering_response', 'p95 24h'), 'none', 'without requests nobody answered');
insert into event_catering_requests (user_id, event_type, requested_at, responded_at) values (7, 'Gala', now() - interval '3 hours', now() - interval '2 hours');
select is(pg_temp.kpi('event_catering', 'catering_response', 'slowest 24h'), '3600 OK', 'answered within two hours');
select is(pg_temp.kpi('event_catering', 'catering_breaches', '24h'), '0 OK', 'no breach');
insert into event_catering_requests (user_id, event_type, requested_at) values (7, 'Gala', now() - interval '119 minutes');
select is(pg_temp.kpi('event_catering', 'catering_breaches', '24h'), '0 OK', 'one minute before the end there is none');
insert into event_catering_requests (user_id, event_type, requested_at) values (7, 'Gala', now() - interval '2 hours');
select is(pg_temp.kpi('event_catering', 'catering_breaches', '24h'), '1 BREACH', 'the unanswered breach by the passing of time');
select is(pg_temp.kpi('event_catering', 'catering_response', 'longest waiting'), '7200 BREACH', 'and the one that waits shows');
select count(*) from record_catering_breaches();
select is(pg_temp.kpi('event_catering', 'catering_breaches', '24h'), '1 BREACH', 'once, also when the worker has recorded it');
select is(pg_temp.kpi('event_catering', 'catering_waiting'), '2', 'two wait');

-- Cost.
select is(pg_temp.kpi('cost_per_lead', 'cost_per_lead', 'all 24h'), '0 OK', 'neither cost nor leads');
insert into cost_entries (cost_type, amount_eur, incurred_at) values ('AI', 30, now() - interval '1 minute');
select is(pg_temp.kpi('cost_per_lead', 'cost_per_lead', 'all 24h'), '30 BREACH', 'cost without leads counts as that of one');
insert into leads (user_id) values (7), (7);
select is(pg_temp.kpi('cost_per_lead', 'cost_per_lead', 'all 24h'), '15 OK', 'two leads share it');
update settings set value = '15' where name = 'cost_per_lead_budget';
select is(pg_temp.kpi('cost_per_lead', 'cost_per_lead', 'all 24h'), '15 BREACH', 'less than the budget is asked for');
select is((select threshold from v_kpi_thresholds where kpi = 'cost_per_lead'), 15::numeric, 'which is the setting');

-- A target is met at its bound where that says so; what is tolerated includes its own.
select results_eq($$select c, string_agg(coalesce(kpi_status(v, c, 10, t), '-'), ' ' order by v)
        from (values ('<', 20), ('<=', 20), ('>', 5), ('>=', 5)) as k (c, t) cross join unnest(array[4, 5, 10, 11, 20, 21]) as v group by c order by c$$,
    $$values ('<', 'OK OK WARN WARN WARN BREACH'), ('<=', 'OK OK OK WARN WARN BREACH'), ('>', 'BREACH WARN WARN OK OK OK'), ('>=', 'BREACH WARN OK OK OK OK')$$, 'each comparison');
select is(kpi_status(11, '<=', 10, null), 'BREACH', 'where nothing is tolerated, beyond the target is a breach');

-- Workers.
update expected_jobs set expected_since = now() - interval '1 month';
insert into job_runs (job, started_at, finished_at, outcome) values ('remind', now() - interval '20 minutes', now() - interval '20 minutes', 'SUCCESS'), ('remind', now(), now(), 'FAILURE'),
    ('maintain', now() - interval '20 hours', now() - interval '20 hours', 'SUCCESS'), ('new', now(), null, null);
select is(pg_temp.kpi('jobs', 'job_last_success', 'remind'), '1200 WARN', 'a silent worker is noticed');
select is(pg_temp.kpi('jobs', 'job_last_success', 'maintain'), '72000 OK', 'one that works by the day is not asked for more');
select is(pg_temp.kpi('jobs', 'job_failures_24h', 'remind'), '1', 'failures are counted');
select is(pg_temp.kpi('jobs', 'job_last_success', 'new'), 'none', 'one that has never succeeded has no age');
select * from finish();
rollback;
