-- What is kept, and what leaves: by the month, by the setting, and never the last word of a job.
begin;
select plan(39);
set local client_min_messages = warning;
create function pg_temp.breaches(p_ago interval) returns text language sql as $$
    select coalesce(string_agg(b.time_window, ' ' order by b.id), '') from record_budget_breaches(now() - p_ago) as b where b.team is null
$$;

select set_eq(
    $$select name, value from settings where name like '%retention'$$,
    $$values ('outbox_retention', '30 days'), ('inbox_retention', '90 days'), ('job_runs_retention', '90 days'),
      ('inbox_dead_letters_retention', '365 days'), ('budget_breaches_retention', '365 days'), ('mail_retention', '90 days')$$,
    'published events are kept 30 days, ids of applied ones, runs of workers and mail 90, what waits for a person or is a budget''s history a year'
);
select throws_ok(format('update settings set value = %L where name = ''outbox_retention''', v.value), v.code, null, format('a retention of %L is refused', v.value))
  from (values ('-1 day', '23514'), ('0', '23514'), ('1 hour', '23514'), ('1 month -29 days', '23514'), ('soon', '22007')) as v (value, code);
select throws_ok($$update settings set value = '1 day -23 hours' where name = 'outbox_retry_delay'$$, '23514', null, 'nor does a delay mix signs');

-- The archive's months.
create function pg_temp.month(p_ago integer) returns timestamptz language sql as
$$ select timezone('UTC', date_trunc('month', timezone('UTC', now())) - make_interval(months => p_ago)) $$;
create function pg_temp.partition(p_ago integer) returns text language sql as
$$ select to_char(timezone('UTC', pg_temp.month(p_ago)), '"outbox_archive_"YYYYMM') $$;
do $$
begin
    for n in 1..3 loop
        execute format('create table internal.%I partition of public.outbox_archive for values from (%L) to (%L)',
            pg_temp.partition(n), pg_temp.month(n), pg_temp.month(n - 1));
    end loop;
end
$$;
insert into outbox_archive (id, event_id, event_type, payload, created_at, published_at)
select n, gen_random_uuid(), 'x', '{}', now(), pg_temp.month(n) + interval '1 hour' from generate_series(1, 4) as n;
select make_outbox_partitions();
select is((select count(*)::integer from internal.outbox_archive_default), 1, 'what was published before there were partitions lies in the default one');
create temp table dropped as select * from drop_outbox_partitions();
select results_eq('select partition_name, is_dropped from dropped', $$select pg_temp.partition(n), true from unnest(array[3, 2]) as n where pg_temp.month(n - 1) <= now() - interval '30 days'$$,
    'months that ended more than 30 days ago are dropped, the oldest first');
select is((select count(*)::integer from internal.outbox_archive_default), 0, 'and what is older in the default one goes');
select ok(to_regclass('internal.' || pg_temp.partition(0)) is not null, 'this month stays');
select is_empty('select * from drop_outbox_partitions()', 'a second run has nothing to do');
select is((select count(*)::integer from outbox_archive where id in (3, 4)), 0, 'their events are gone');
delete from settings where name = 'outbox_retention';
select is_empty('select * from drop_outbox_partitions()', 'without the setting nothing goes');

-- Ids of applied events.
insert into internal.inbox (event_id, event_type, received_at)
select gen_random_uuid(), 'lead.created', now() - make_interval(hours => 24 * n) from generate_series(80, 100) as n;
select is(purge_inbox(4), 4, 'a purge takes no more than its limit');
select is((select count(*)::integer from internal.inbox where received_at < now() - interval '2316 hours'), 0, 'the oldest first');
select is(purge_inbox(), 6, 'and the next the rest');
select is(purge_inbox(), 0, 'a third finds nothing');
select is((select count(*)::integer from internal.inbox where event_type = 'lead.created' and received_at < now() - interval '79 days'), 11, 'what is younger stays');
select throws_ok('select purge_inbox(0)', 'LP022', null, 'a limit of none is refused');
select throws_ok('select purge_inbox(null)', 'LP022', null, 'and null');

-- Incoming events that were refused.
select record_inbox_dead_letter('a queue', convert_to(n::text, 'UTF8'), 'LP017', 'no event') from generate_series(1, 4) as n;
update inbox_dead_letters set first_at = now() - interval '2 years', last_at = now() - interval '366 days' where source = 'a queue';
select record_inbox_dead_letter('a queue', convert_to('4', 'UTF8'), 'LP017', 'no event');
select is(purge_inbox_dead_letters(1), 1, 'dead letters of the inbox that nobody has looked after in a year go');
select is(purge_inbox_dead_letters(), 2, 'all of them');
select is((select string_agg(convert_from(payload, 'UTF8'), ', ') from inbox_dead_letters where source = 'a queue'), '4', 'but not what has come again since');

-- Breaches of budgets.
update settings set value = '1 day' where name = 'budget_breaches_retention';
insert into cost_budget_breaches (team, time_window, window_started_at, window_ended_at, cost_eur, new_leads, cost_per_lead_eur, budget_eur)
select 'Nord', '30d', now() - make_interval(hours => 24 * (n + 30)), now() - make_interval(hours => 24 * n), 100, 1, 100, 25 from unnest(array[1, 30, 32]) as n;
select is(purge_budget_breaches(), 1, 'a breach leaves when the setting says so');
select is((select count(*)::integer from cost_budget_breaches where team = 'Nord'), 2, 'but not while a window could reach into its own: it would be told twice');
insert into leads (user_id, created_at) values (7, now() - interval '40 days');
insert into cost_entries (cost_type, amount_eur, incurred_at) values ('AI', 99, now() - interval '40 days' - interval '1 minute');
select is(pg_temp.breaches('40 days'), '', 'nor is it told again as of a moment whose breaches may be gone');
update settings set value = '71 days' where name = 'budget_breaches_retention';
select is(pg_temp.breaches('40 days'), '1h 24h 7d 30d', 'as of one whose breaches are all on record it is told');
delete from cost_budget_breaches where team is null;
update settings set value = '60 days' where name = 'budget_breaches_retention';
select is(pg_temp.breaches('40 days'), '1h 24h 7d', 'but for a window that reaches further back');
delete from cost_budget_breaches where team is null;
update settings set value = '1 day' where name = 'budget_breaches_retention';
insert into cost_entries (cost_type, amount_eur, incurred_at) values ('AI', 99, now() - interval '1 minute');
select is(pg_temp.breaches('1 minute'), '1h 24h 7d 30d', 'now all windows are told, however short the setting');
delete from settings where name = 'budget_breaches_retention';
select is(purge_budget_breaches(), 0, 'without the setting no breach leaves');
select is(pg_temp.breaches('40 days'), '1h 24h 7d 30d', 'and every moment is told');
select throws_ok('select purge_inbox_dead_letters(0)', 'LP022', null, 'a limit of none is refused for dead letters');
select throws_ok('select purge_budget_breaches(null)', 'LP022', null, 'and null for breaches');

-- Runs of workers.
insert into job_runs (job, started_at, finished_at, outcome)
select j.job, now() - make_interval(days => n), now() - make_interval(days => n), case when n % 2 = 0 then 'SUCCESS' else 'FAILURE' end
  from unnest(array['one', 'two']) as j (job) cross join generate_series(120, 101, -1) as n;
insert into job_runs (job, started_at) values ('one', now() - interval '100 days'), ('two', now() - interval '80 days');
select is(purge_job_runs(5), 5, 'runs are purged in batches');
select cmp_ok(purge_job_runs(), '>', 30, 'those older than the setting');
select results_eq(
    $$select job, coalesce(outcome, 'RUNNING'), round(extract(epoch from now() - started_at) / 86400) from job_runs where job in ('one', 'two') order by 1, 2$$,
    $$values ('one', 'FAILURE', 101::numeric), ('one', 'RUNNING', 100), ('one', 'SUCCESS', 102), ('two', 'FAILURE', 101), ('two', 'RUNNING', 80), ('two', 'SUCCESS', 102)$$,
    'but the last of each job and outcome stays, however old'
);
select is(purge_job_runs(), 0, 'a second run has nothing to do');
select throws_ok('select purge_job_runs(0)', 'LP022', null, 'a limit of none is refused here, too');

select * from finish();
rollback;
