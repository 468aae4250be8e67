-- "May we go live?": what is right is told so, what was altered by hand or left undone is told by name.
begin;
select plan(62);
set local client_min_messages = warning;

create function pg_temp.status(p_what text) returns text language sql as $$
    select r.status from public.production_readiness_check() as r where r.what = p_what
$$;
create function pg_temp.evidence(p_what text) returns text language sql as $$
    select r.evidence from public.production_readiness_check() as r where r.what = p_what
$$;

-- As migrated.
create temp table first_look as select * from production_readiness_check();
select is_empty($$select what from first_look group by what having count(*) > 1$$, 'a question is one row');
select is_empty($$select * from first_look where what is null or evidence is null or status not in ('OK', 'WARN', 'FAIL') or status is null$$, 'each has a status and its evidence');
select is_empty($$select * from first_look where (status = 'OK') <> (what_to_do is null)$$, 'what is not OK says what to do, and nothing else does');
select is_empty(
    $$select * from first_look where status <> 'OK'
         and what not in ('nothing lost in a crash', 'whole pages after a crash', 'a commit is durable', 'job remind', 'job publish', 'job expire', 'job breaches', 'job maintain', 'job refresh')$$,
    'a database just migrated is right in all but the server''s settings and the jobs that have not run yet'
);
select cmp_ok((select count(*)::integer from first_look), '>', 25, 'many things are looked at');
select is((select status from first_look where what = 'nothing lost in a crash'), case current_setting('fsync') when 'on' then 'OK' else 'FAIL' end,
    'a server that loses commits in a crash is not ready');

select results_eq($$select evidence from first_look where what like 'job %'$$, $$select 'has never succeeded' from generate_series(1, 6)$$, 'a job that has never run says so');
set local timezone = 'Asia/Tokyo';
set local datestyle = 'German';
set local intervalstyle = 'iso_8601';
set local quote_all_identifiers = on;
set local standard_conforming_strings = off;
set local extra_float_digits = -3;
select is_empty($$select what, evidence from production_readiness_check() where status = 'FAIL' except select what, evidence from first_look where status = 'FAIL'$$,
    'whatever the asking session''s formats are');
reset timezone;
reset datestyle;
reset intervalstyle;
reset quote_all_identifiers;
reset standard_conforming_strings;
reset extra_float_digits;

-- The sample leaves nothing behind.
select is((select evidence from first_look where what = 'protection rules'),
    'GRACE until 2025-05-15 15:04, PROTECTED until 2025-07-21 10:00, EXPIRED until 2025-07-24 09:00, 0 differences, an event, refused',
    'the worked example comes out as it must');
select is_empty(
    $$select 'leads' from leads where id < 0 union all select 'activities' from lead_activities where lead_id < 0 union all select 'holds' from lead_holds where lead_id < 0
       union all select 'reminders' from lead_reminders where lead_id < 0 union all select 'events' from outbox where lead_id < 0
       union all select 'clocks' from internal.lead_clocks where lead_id < 0
       union all select 'users' from sales_users where user_id < 0 union all select 'policies' from protection_policies where policy = 'readiness check'
       union all select 'periods' from lead_protection_periods where lead_id < 0$$,
    'of the sample nothing stays'
);
select lives_ok($$set local role lead_operations; select count(*) from production_readiness_check()$$, 'operations may ask');
reset role;
select throws_ok($$set local role lead_worker; select count(*) from production_readiness_check()$$, '42501', null, 'a worker has no need to');
reset role;

-- What a hand has done.
savepoint untouched;
create or replace function internal.days_between(p_from timestamptz, p_until timestamptz) returns numeric language sql immutable return 1;
select is(pg_temp.status('functions'), 'FAIL', 'a function replaced by hand is noticed');
select matches(pg_temp.evidence('functions'), 'internal\.days_between\([^)]*\) \(changed\)', 'by name');
rollback to savepoint untouched;
insert into leads (user_id) values (7);
drop function internal.deadline(timestamptz, interval, text, tstzmultirange);
select matches(pg_temp.evidence('functions'), 'internal\.deadline\([^)]*\) \(missing\)', 'so is a dropped one, that all the rules need');
select results_eq($$select what, status from production_readiness_check() where what in ('protection rules', 'stored rows') order by what$$,
    $$values ('protection rules', 'FAIL'), ('stored rows', 'FAIL')$$, 'what cannot be tried without it is not right');
rollback to savepoint untouched;
alter table activity_types disable trigger user;
delete from activity_types where activity_type = 'CUSTOMER_REACTION';
select is(pg_temp.status('protection rules'), 'FAIL', 'a type of activity that is gone is noticed');
select matches(pg_temp.evidence('protection rules'), '^LP008', 'by its refusal');
rollback to savepoint untouched;
drop index lead_holds_open;
select is(pg_temp.evidence('indexes'), 'public.lead_holds_open (missing)', 'a dropped index is noticed');
rollback to savepoint untouched;
alter table lead_holds drop constraint lead_holds_end_after_start;
select is(pg_temp.status('constraints'), 'FAIL', 'a dropped constraint is noticed');
rollback to savepoint untouched;
alter table leads alter column company_name type varchar(10);
select is(pg_temp.evidence('tables and columns'), 'public.leads (changed)', 'an altered column is noticed');
rollback to savepoint untouched;
grant delete on leads to lead_worker;
select is(pg_temp.evidence('tables and columns'), 'public.leads (changed)', 'a right too many is noticed');
rollback to savepoint untouched;
revoke execute on function public.start_job_run(text) from lead_worker;
select is(pg_temp.evidence('functions'), 'public.start_job_run(text) (changed)', 'and one too few');
rollback to savepoint untouched;
grant execute on function public.expire_due_protections(integer, timestamptz) to public;
select is(pg_temp.evidence('rights of PUBLIC'), 'EXECUTE on public.expire_due_protections(integer,timestamp with time zone)', 'and one for everybody');
rollback to savepoint untouched;
grant create on schema public to public;
select is(pg_temp.evidence('rights of PUBLIC'), 'CREATE on schema public', 'and the right to create');
rollback to savepoint untouched;
create index somebodys_own on leads (city);
select is(pg_temp.status('indexes'), 'OK', 'an index that somebody added is theirs');
rollback to savepoint untouched;
create unique index somebodys_own on leads (city);
select is(pg_temp.status('indexes'), 'WARN', 'one that refuses leads is worth a look');
rollback to savepoint untouched;
alter view v_user_lead_protection set (security_invoker = true);
select is(pg_temp.evidence('views'), 'public.v_user_lead_protection (changed)', 'a view that reads with other rights is noticed');
rollback to savepoint untouched;
create trigger somebodys_own before update on leads for each row execute function suppress_redundant_updates_trigger();
select is(pg_temp.status('triggers'), 'WARN', 'a trigger that somebody added is worth a look');
rollback to savepoint untouched;
create trigger somebodys_own before insert on leads for each row execute function suppress_redundant_updates_trigger();
select matches(pg_temp.evidence('protection rules'), '^39P01', 'one that cannot even be called is told, too');
rollback to savepoint untouched;
alter table leads disable trigger all;
select is(pg_temp.status('triggers enabled'), 'FAIL', 'a disabled trigger is noticed');
select is(pg_temp.status('protection rules'), 'FAIL', 'and that the rules do not hold without it');
select is_empty('select id from leads where id < 0', 'of that sample nothing stays either');
rollback to savepoint untouched;
-- A deadline that knows no holds.
create or replace function internal.deadline(p_from timestamptz, p_interval interval, p_time_zone text, p_holds tstzmultirange) returns timestamptz
language sql immutable parallel safe return internal.add_local(p_from, p_interval, p_time_zone);
select is(pg_temp.status('protection rules'), 'FAIL', 'a rule changed by hand shows in what comes out');
rollback to savepoint untouched;
alter role lead_worker createdb;
select is(pg_temp.evidence('roles'), 'lead_worker may log in or is mighty', 'a group role with an attribute is noticed');
rollback to savepoint untouched;
grant module02_writer to grafana_reader;
select is(pg_temp.evidence('roles'), 'grafana_reader may what module02_writer may', 'and one that has the rights of another');
rollback to savepoint untouched;
revoke usage on schema public from public, finops_writer;
select is(pg_temp.evidence('roles'), 'finops_writer may not look into schema public', 'or that finds nothing of its own');
rollback to savepoint untouched;
grant create on schema public to lead_worker;
select is(pg_temp.evidence('roles'), 'lead_worker has CREATE on schema public', 'one that may make objects of its own is noticed');
rollback to savepoint untouched;
grant usage on schema internal to grafana_reader;
select is(pg_temp.evidence('roles'), 'grafana_reader has USAGE on schema internal', 'as is one that may name the machinery');
rollback to savepoint untouched;
do $$ begin execute format('grant create, temporary on database %I to lead_exporter', current_database()); end $$;
select is(pg_temp.evidence('roles'), 'lead_exporter has CREATE on this database, TEMPORARY on this database', 'or may fill the database');
rollback to savepoint untouched;
alter table leads enable row level security;
select is(pg_temp.evidence('tables and columns'), 'public.leads (changed)', 'rows hidden by a policy are noticed');
rollback to savepoint untouched;
alter table lead_reminders drop column sent_at cascade;
select is(pg_temp.evidence('tables and columns'), 'public.lead_reminders (changed)', 'a column that was dropped is told by its table');
select is(pg_temp.evidence('work'), 'cannot be asked: 42703: column x.sent_at does not exist', 'also where a question reads it');
rollback to savepoint untouched;
drop table settings cascade;
select is(pg_temp.status('shape'), 'FAIL', 'a table that all of them read is told, too');
select is(pg_temp.status('roles'), 'OK', 'and what does not need it is answered');
rollback to savepoint untouched;
create rule swallow as on update to sample_requests do instead nothing;
select is(pg_temp.evidence('triggers'), 'rule swallow on public.sample_requests (not ours)', 'as is a rule that takes the place of an update');
rollback to savepoint untouched;
alter table protection_policies drop constraint protection_policies_time_zone_known;
insert into protection_policies (policy, version, time_zone) values
    ('standard', 2, 'Mars/Phobos'), ('standard', 3, 'MESZ'), ('standard', 4, 'FOO3'), ('standard', 5, 'Portugal'), ('standard', 6, 'UTC');
select is(
    pg_temp.evidence('time zones'), 'Europe/Berlin, FOO3 (unknown), MESZ (unknown), Mars/Phobos (unknown), Portugal, UTC',
    'a time zone that the server does not have is noticed, as is what knows no summer time'
);
rollback to savepoint untouched;
delete from settings where name = 'catering_sla';
update settings set value = '31 days' where name = 'outbox_retention';
insert into expected_jobs (job, max_silence, tolerated_silence) values ('ours', '1 day', '2 days');
select is(pg_temp.evidence('rows that must be there'), 'catering_sla of settings (missing)', 'a setting that is gone is noticed, another value and a job of one''s own are not');
rollback to savepoint untouched;
delete from event_types where event_type = 'lead.protection.expired';
insert into event_types (event_type, description) values ('ours.happened', 'x');
select is(
    pg_temp.evidence('rows that must be there'), 'lead.protection.expired 1 of event_types (missing)',
    'so is a type of event without which no expiry can be recorded; a type of one''s own is not'
);
rollback to savepoint untouched;
delete from internal.figure_kinds where figure = 'lead_protection_expired_total';
select is(pg_temp.status('rows that must be there'), 'FAIL', 'and a counter without which nothing is counted');
rollback to savepoint untouched;
drop view v_lead_timeline;
select is(pg_temp.evidence('views'), 'public.v_lead_timeline (missing)', 'a dropped view is noticed');
rollback to savepoint untouched;
delete from event_types where event_type = 'lead.hold.created';
drop trigger event_types_compile on event_types;
insert into event_types (event_type, description) values ('lead.hold.created', 'x');
select is(pg_temp.status('event types'), 'FAIL', 'a type that the check does not know is noticed');
select is(pg_temp.status('protection rules'), 'FAIL', 'also in that the rules cannot tell what they do');
rollback to savepoint untouched;
alter table outbox disable trigger outbox_check;
insert into outbox (event_id, event_type, payload) values (gen_random_uuid(), 'x', '{}');
select is(pg_temp.status('events'), 'FAIL', 'so is an event that came past the check');
rollback to savepoint untouched;

-- Work left undone.
select internal.write_module_event('sample.request.created', now(), null, 7, null, '{"sample_request_id": 9}');
update outbox set created_at = now() - interval '11 minutes';
select is(pg_temp.status('outbox'), 'WARN', 'events that wait are noticed');
update outbox set created_at = now() - interval '61 minutes';
select is(pg_temp.status('outbox'), 'FAIL', 'those that wait for an hour are a failure');
update expected_jobs set expected_since = now() - interval '1 day' where job = 'remind';
insert into job_runs (job, started_at, finished_at, outcome) values ('remind', now() - interval '61 minutes', now() - interval '61 minutes', 'SUCCESS'),
    ('expire', now() - interval '1 minute', now(), 'SUCCESS'), ('publish', now() - interval '2 minutes', now() - interval '1 minute', 'SUCCESS');
insert into job_runs (job, started_at, finished_at, outcome, detail) values ('publish', now(), now(), 'FAILURE', '{"error": "no disk"}');
select results_eq(
    $$select what, status from production_readiness_check() where what ~ '^job ' order by what$$,
    $$values ('job breaches', 'WARN'), ('job expire', 'OK'), ('job maintain', 'WARN'), ('job publish', 'WARN'), ('job refresh', 'WARN'), ('job remind', 'FAIL')$$,
    'a job that ran is fine, one whose last run failed is not, one that is silent for an hour still less'
);
insert into leads (id, user_id, created_at) values (1, 7, now() - interval '61 days');
insert into lead_reminders (lead_id, user_id, window_start, due_at, known_at) values (1, 7, current_date, now() - interval '2 hours', now() - interval '2 hours');
select is(pg_temp.status('reminders in time'), 'FAIL', 'a reminder unsent for more than an hour is a failure');
update kpi_thresholds set threshold = 7201 where kpi = 'reminder_oldest_unsent';
select is(pg_temp.evidence('reminders in time'), '1 queued, 0 of them not sent in time', 'unless its target leaves it more');
update settings set value = 'any' where name = 'reminder_proof';
select is(pg_temp.status('proof of reminders'), 'WARN', 'grace without proof is right for a demo only');
update internal.lead_clocks set reminder_due_at = reminder_due_at + interval '1 hour' where lead_id = 1;
select is(pg_temp.status('stored rows'), 'FAIL', 'a stored row that parts from its facts is noticed');
do $$
declare
    v_partition regclass;
begin
    for v_partition in select inhrelid::regclass from pg_inherits as i join pg_class as c on c.oid = i.inhrelid
                        where i.inhparent = 'public.outbox_archive'::regclass and pg_get_expr(c.relpartbound, c.oid) <> 'DEFAULT'
    loop
        execute format('drop table %s', v_partition);
    end loop;
end
$$;
select is(pg_temp.status('archive partitions'), 'FAIL', 'a missing partition is noticed');

select * from finish();
rollback;
