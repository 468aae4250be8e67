-- Seasons: which one it is, which comes next, and what it will take.
begin;
select plan(59);
set local time zone 'America/New_York';
set local client_min_messages = warning;

select results_eq(
    'select season, first_month, last_month, load_multiplier, app_utilisation, worker_utilisation, database_utilisation from seasons order by first_month',
    $$values ('Spargel', 4, 6, 3.00, 0.60, 0.75, 0.70), ('Oktoberfest', 9, 9, 4.00, 0.55, 0.70, 0.65), ('Weihnachten', 11, 12, 5.00, 0.50, 0.65, 0.60)$$,
    'the seasons are those of the plan'
);
select is((select season from season_at(t.at::timestamptz)), t.season, format('at %s it is %s', t.at, t.season)) from (values
    ('2026-03-31 23:59:59.999+02', 'off-season'), ('2026-04-01 00:00+02', 'Spargel'), ('2026-06-30 23:59+02', 'Spargel'), ('2026-07-01 00:00+02', 'off-season'),
    ('2026-08-31 23:59+02', 'off-season'), ('2026-09-01 00:00+02', 'Oktoberfest'), ('2026-10-01 00:00+02', 'off-season'),
    ('2026-11-01 00:00+01', 'Weihnachten'), ('2026-12-31 23:59+01', 'Weihnachten'), ('2027-01-01 00:00+01', 'off-season'), ('2028-02-29 12:00+01', 'off-season')) as t (at, season);
select results_eq(
    $$select is_peak, load_multiplier, started_at, ends_at, next_season, next_load_multiplier, next_starts_at, sample_success_target from season_at('2026-05-10')$$,
    $$values (true, 3.00, '2026-04-01 00:00+02'::timestamptz, '2026-07-01 00:00+02'::timestamptz, 'Oktoberfest', 4.00, '2026-09-01 00:00+02'::timestamptz, 0.80)$$,
    'a season has its load, its dates in the business zone, and a successor'
);
select results_eq(
    $$select is_peak, load_multiplier, app_utilisation, worker_utilisation, database_utilisation, started_at, ends_at, next_season, next_starts_at,
    sample_success_target from season_at('2026-01-15')$$,
    $$values (false, 1.00, 0.60, 0.75, 0.70, null::timestamptz, null::timestamptz, 'Spargel', '2026-04-01 00:00+02'::timestamptz, 0.85)$$,
    'out of season the load is the baseline, and the next one is known'
);
select is((select next_starts_at from season_at('2026-12-24')), '2027-04-01 00:00+02'::timestamptz, 'over New Year, too');
select is((select to_jsonb(v) from v_current_season as v), (select to_jsonb(s) from season_at() as s), 'the view is the season of now');
select is((select count(*)::integer from v_current_season), 1, 'one row, whatever the season');
insert into seasons values ('Karneval', 11, 2, 2, 0.6, 0.75, 0.7);
select is((select season from season_at('2027-01-10')), 'Karneval', 'a season may run over New Year');
select results_eq($$select started_at, ends_at from season_at('2027-01-10')$$, $$values ('2026-11-01 00:00+01'::timestamptz,
    '2027-03-01 00:00+01'::timestamptz)$$, 'from the old year into the new one');
select is((select season from season_at('2026-11-10')), 'Weihnachten', 'where two meet, the heavier one counts');
delete from seasons;
select results_eq($$select season, load_multiplier, next_season, next_starts_at from season_at('2026-05-10')$$, $$values ('off-season', 1.00, null,
    null::timestamptz)$$, 'without any season there is none');
insert into seasons values ('Spargel', 4, 6, 3, 0.60, 0.75, 0.70), ('Oktoberfest', 9, 9, 4, 0.55, 0.70, 0.65), ('Weihnachten', 11, 12, 5, 0.50, 0.65, 0.60);
select throws_ok($$select * from season_at('infinity')$$, 'LP006', null, 'for ever has no season');
select throws_ok(format('insert into seasons values (''x'', %s)', v), '23514', null, format('a season of %s is none', v))
  from unnest(array['0, 5, 2, 0.5, 0.5, 0.5', '1, 13, 2, 0.5, 0.5, 0.5', '1, 2, 0.5, 0.5, 0.5, 0.5', '1, 2, 2, 0, 0.5, 0.5', '1, 2, 2, 0.5, 1.5, 0.5', '1, 2, 2, 0.5, 0.5, ''NaN''']) as v;
select results_eq('select season, value from metric_season_load_multiplier order by season', $$values ('Oktoberfest', 4::double precision),
    ('Spargel', 3), ('Weihnachten', 5)$$, 'the exporter has each season''s load');
select cmp_ok((select sum(value) from metric_season_active), '<=', 1::double precision, 'and which one it is, if any');
select is((select value from metric_season_database_utilisation_target), (select database_utilisation from v_current_season)::double precision, 'and how full the database may be run in it');

-- The calculator.
select is((select recommended from capacity_recommendation(50, instance_rps => 20, load_multiplier => 5, app_utilisation => 0.6) where component = 'application'), 21::bigint,
    'the plan''s check: 50 requests a second, five times, 20 a second per pod, used to 0.6: 21 pods');
select is((select recommended from capacity_recommendation(50, 0.05, 'Weihnachten', app_utilisation => 0.6) where component = 'application'), 21::bigint,
    'the same from a service time of 0.05 seconds, one request at a time');
select is((select recommended from capacity_recommendation(50, 0.4, 'weihnachten', slots_per_instance => 8, app_utilisation => 0.6) where component = 'application'), 21::bigint,
    'and from eight at a time of 0.4 seconds each');
select results_eq(
    $$select component, arrival_rate, service_seconds, concurrency, slots, target_utilisation, recommended, unit from capacity_recommendation(50,
    0.05, 'Weihnachten', job_seconds => 0.02, database_seconds => 0.04)$$,
    $$values ('load', 250.0, null::numeric, null::numeric, null::numeric, null::numeric, null::bigint, 'requests/s'),
            ('application', 250, 0.05, 12.5, 1, 0.50, 25, 'instances'),
            ('workers', 250, 0.02, 5.0, 1, 0.65, 8, 'processes'),
            ('database', 250, 0.04, 10.0, 1, 0.60, 29, 'connections'),
            ('total', null, null, null, null, null, null, 'EUR')$$,
    'every figure on the way is shown: (10 / 0.60 + 8) * 1.15 connections'
);
select results_eq(
    $$select component, estimated_cost_eur from capacity_recommendation(50, 0.05, 'Weihnachten', job_seconds => 0.02) where estimated_cost_eur is not null$$,
    $$values ('application', 3660.00), ('workers', 585.60), ('total', 4245.60)$$, 'what it costs: 61 days of 25 instances and 8 workers'
);
select is((select recommended from capacity_recommendation(60, instance_rps => 6, season => 'off-season',
    app_utilisation => 0.5) where component = 'application'), 20::bigint, 'a sixth of a second costs no instance more by rounding');
select is((select arrival_rate from capacity_recommendation(50, 0.05, 'off-season') where component = 'load'), 50::numeric, 'out of season it is the baseline');
select cmp_ok((select arrival_rate from capacity_recommendation(50, 0.05) where component = 'load'), '>=', 150::numeric, 'not named, it is the season that runs or comes next');
select lives_ok($$select * from capacity_recommendation(1000000, 3600, load_multiplier => 1000, slots_per_instance => 0.01,
    app_utilisation => 0.01, worker_utilisation => 0.01, database_utilisation => 0.01, jobs_per_request => 1000, hours => 100000)$$, 'the largest of all figures together are counted');
select throws_ok(format('select * from capacity_recommendation(%s)', s.given), s.code, null, format('refused: %s', s.given)) from (values
    ('0, 0.05', 'LP036'), ('-1, 0.05', 'LP036'), ('''NaN'', 0.05', 'LP036'), ('''Infinity'', 0.05', 'LP036'), ('null, 0.05', 'LP036'), ('50', 'LP036'), ('50, 0', 'LP036'),
    ('1000001, 0.05', 'LP036'), ('50, 0.05, app_utilisation => 1.01', 'LP036'), ('50, 0.05, connection_reserve => 0.2', 'LP036'), ('50, 0.05, slots_per_instance => 0', 'LP036'),
    ('50, 0.05, instance_rps => -20', 'LP036'), ('50, 0.05, ''Ostern''', 'LP037')) as s (given, code);

-- Its parts, each by itself.
select results_eq($$select n, internal.round_up(n) from unnest(array[10, 10.0000004, 10.000001, 0.000001]) as n$$, $$values (10.0, 10::bigint), (10.0000004, 10), (10.000001, 11), (0.000001, 1)$$,
    'what is a whole number but for the rounding is that number, all else the next');
select is((select (a.concurrency, a.instances, a.cost)::text from internal.size_application(250, 0.4, 8, 0.6, 100) as a), '(100.0,21,210.00)', '100 requests at once are 20.8 instances of eight slots to 0.6');
select is((select (w.concurrency, w.workers, w.cost)::text from internal.size_workers(500, 0.02, 0.65, 100) as w), '(10.00,16,80.00)', 'ten jobs at once are 15.4 workers');
select is((select (d.concurrency, d.connections)::text from internal.size_database(250, 0.04, 0.6, 8, 0.15) as d), '(10.00,29)', 'connections are those of requests and workers, with the reserve');
select is((select (f.rate, f.seconds, f.slots, f.job_rate, f.job_seconds, f.database_seconds, f.reserve, f.paid_hours)::text
             from internal.checked_capacity_figures(50, null, 'spargel', null, null, 10, null, null, null, 2, null, null, null, null) as f),
    '(150.00,0.1,1.0,300.00,0.1,0.1,0.15,2184)', 'what is not given follows from what is, and from the season');
delete from seasons;
select is((select season from internal.choose_season(null)), 'off-season', 'where there is no season, none is planned for');

select * from finish();
rollback;
