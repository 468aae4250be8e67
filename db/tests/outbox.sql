-- Page 3: an event per change, in order, with exactly its members; published at least once, byte for byte.
begin;
select plan(53);
set local time zone 'Europe/Berlin';
set local client_min_messages = warning;

-- One publisher at a time here; the parts of several have a file of their own.
update settings set value = '1' where name = 'outbox_shards';

create temp table seen as select coalesce(max(id), 0) as id from outbox;
create function pg_temp.events(p_lead_id bigint) returns setof text language sql as
$$ select event_type from public.outbox where lead_id = p_lead_id and id > (select id from seen) order by id $$;

-- One life, told in order.
insert into leads (id, user_id, created_at) values (1, 7, now() - interval '61 days');
select is((select count(*)::integer from dispatch_due_reminders(10)), 1, 'the lead is reminded');
insert into lead_activities (lead_id, user_id, activity_type) values (1, 7, 'EMAIL_SENT');
create temp table first_claim as select * from claim_outbox_events('p1', 100);
insert into lead_activities (lead_id, user_id, activity_type) values (1, 7, 'QUALIFIED_CALL');
call extend_lead_protection(1, 7, '1 month', 'tender');
call create_lead_hold(1, 7, 'recipe');
call release_lead_hold(1, 7);
update leads set user_id = 8 where id = 1;
update leads set city = 'Kiel' where id = 1;
update leads set converted_at = now() where id = 1;
update leads set converted_at = null where id = 1;
delete from leads where id = 1;
select results_eq(
    $$select pg_temp.events(1)$$,
    $$values ('lead.protection.activated'), ('lead.protection.reminder'), ('lead.protection.reactivated'), ('lead.protection.extended'),
             ('lead.hold.created'), ('lead.hold.released'), ('lead.protection.transferred'), ('lead.protection.ended'),
             ('lead.protection.activated'), ('lead.protection.ended')$$,
    'every change is one event, in the order of the changes; what changes nothing is none'
);
select is_empty(
    $$select event_type from outbox as o
       where o.lead_id = 1 and array(select json_object_keys(o.payload) order by 1)
             <> array['current_state', 'event_id', 'event_type', 'lead_id', 'metadata', 'protection_expires_at', 'reason', 'timestamp', 'user_id']$$,
    'each has exactly the members of page 3'
);
select is_empty(
    $$select o.payload from outbox as o
       where o.lead_id = 1 and (
             json_typeof(payload -> 'event_id') <> 'string' or json_typeof(payload -> 'event_type') <> 'string'
          or json_typeof(payload -> 'timestamp') <> 'string' or json_typeof(payload -> 'lead_id') <> 'number'
          or json_typeof(payload -> 'user_id') <> 'number' or payload ->> 'current_state' not in ('PROTECTED', 'EXPIRED')
          or json_typeof(payload -> 'protection_expires_at') <> 'string' or json_typeof(payload -> 'reason') not in ('string', 'null')
          or json_typeof(payload -> 'metadata') <> 'object')$$,
    'of the types that page 3 gives them'
);
select is_empty(
    $$select o.payload from outbox as o
       where o.lead_id = 1 and ((payload ->> 'timestamp') || (payload ->> 'protection_expires_at'))
             !~ '^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z){2}$'$$,
    'moments are RFC 3339 in UTC'
);
select is_empty(
    $$select * from outbox where payload ->> 'event_id' <> event_id::text or payload ->> 'event_type' <> event_type
         or (payload ->> 'lead_id')::bigint <> lead_id or (payload ->> 'user_id')::bigint <> user_id$$,
    'what stands beside the payload is what stands in it'
);
select is((select count(distinct event_id) from outbox), (select count(*) from outbox), 'every event has an id of its own');
select is_empty($$select payload from outbox where lead_id = 1 and payload::text ~ 'tender|recipe|Kiel'$$, 'no free text goes out');

-- Zone and DateStyle of the writer do not show.
set local time zone 'Asia/Kathmandu';
set local datestyle = 'German';
insert into leads (id, user_id, created_at) values (2, 7, '2025-01-10 08:00:00.123456+00');
set local time zone 'Europe/Berlin';
set local datestyle = 'ISO';
select results_eq(
    $$select payload ->> 'timestamp', payload ->> 'protection_expires_at' from outbox where lead_id = 2$$,
    $$values ('2025-01-10T08:00:00.123456Z', '2025-07-10T07:00:00.123456Z')$$,
    'an event reads the same whatever the writer''s session'
);

-- Rolled back is never published.
savepoint s;
insert into leads (id, user_id) values (3, 7);
rollback to s;
select is_empty($$select pg_temp.events(3)$$, 'what is rolled back tells nothing');
insert into leads (id, user_id) values (2, 7) on conflict (id) do nothing;
select is((select count(*)::integer from pg_temp.events(2)), 1, 'what ON CONFLICT skips tells nothing');
select is_empty($$insert into leads (id, user_id) select 4, 7 where false returning id$$, 'nor does an empty statement');
insert into leads (id, user_id) select i, 7 from generate_series(110, 101, -1) as i;
select is((select array_agg(lead_id order by lead_id) from outbox where lead_id between 101 and 110), array(select generate_series(101::bigint, 110)),
    'one statement of many leads tells each of them once');

-- Claiming and acknowledging.
create temp table again as select * from claim_outbox_events('p1', 2);
select is((select count(*)::integer from again), 2, 'a claim takes no more than its limit');
select results_eq('select id from again', 'select id from outbox order by id limit 2', 'the oldest first');
select results_eq('select event_id, payload::text from again order by id', 'select event_id, payload::text from first_claim order by id limit 2', 'what is claimed again is byte-identical');
select ok((select min(token) from again) > (select min(token) from first_claim), 'each claim has a higher token');
select is((select acknowledge_outbox_events(min(token), array_agg(id)) from first_claim), 0, 'and the one before is worth nothing from then on, its own holder''s too');
select is_empty($$select * from claim_outbox_events('p2', 10)$$, 'another publisher gets nothing meanwhile');
create temp table before_ack as select id, event_id, payload::text as payload from outbox order by id limit 2;
select is((select acknowledge_outbox_events(token, array_agg(id)) from again group by token), 2, 'both are acknowledged');
select is_empty('select id from outbox where id in (select id from again)', 'they leave the pending table');
select results_eq(
    'select id, event_id, payload::text from outbox_archive where id in (select id from again) order by id',
    'select id, event_id, payload from before_ack order by id',
    'and stand in the archive byte for byte'
);
select is((select acknowledge_outbox_events(token, array_agg(id)) from again group by token), 0, 'a second acknowledgement finds nothing to do');
select is((select count(*)::integer from outbox_archive where id in (select id from again)), 2, 'and archives nothing twice');
select is((select acknowledge_outbox_events(min(token), array(select max(id) + 1000 from outbox)) from again), 0, 'unknown ids are passed over');
select is((select acknowledge_outbox_events(min(token), '{}') from again), 0, 'no ids are no work');
select is((select acknowledge_outbox_events(min(token), null) from again), 0, 'nor is null');
select is((select acknowledge_outbox_events(min(a.token), array(select id from outbox where claimed_at is null)) from again as a), 0, 'what was never claimed cannot be acknowledged');

-- Fencing.
update internal.outbox_leases set leased_until = now() - interval '1 second';
create temp table taken_over as select * from claim_outbox_events('p2', 5, '1 hour');
select ok((select min(token) from taken_over) > (select min(token) from again), 'a lease that ran out is taken over with a higher token');
select is((select acknowledge_outbox_events((select min(token) from again), array_agg(id)) from taken_over), 0, 'the former holder is fenced off');
select is((select count(*)::integer from outbox where id in (select id from taken_over)), 5, 'and changed nothing');
select is_empty($$select * from claim_outbox_events('p1', 5)$$, 'nor does it get any more');
select lives_ok(format('select release_outbox_claim(%s)', (select min(token) from again)), 'the former holder''s release');
select is_empty($$select * from claim_outbox_events('p1', 5)$$, 'does not release the present one''s lease');
select lives_ok(format('select release_outbox_claim(%s)', (select min(token) from taken_over)), 'the present holder releases');
create temp table third as select * from claim_outbox_events('p1', 5);
select is((select count(*)::integer from third), 5, 'and the next need not wait');
select ok((select min(token) from third) > (select min(token) from taken_over), 'with a new token');
select results_eq('select event_id, payload::text from third order by id', 'select event_id, payload::text from taken_over order by id', 'redelivery is byte-identical across publishers');
select is((select acknowledge_outbox_events((select min(token) from taken_over), array_agg(id)) from third), 0, 'a released token acknowledges nothing');
select throws_ok($$select * from claim_outbox_events('p1', 0)$$, 'LP022', null, 'a limit of none is refused');
select throws_ok($$select * from claim_outbox_events('p1', null)$$, 'LP022', null, 'and null');

-- The same holder comes back after its lease ran out.
update internal.outbox_leases set leased_until = now() - interval '1 second';
create temp table fourth as select * from claim_outbox_events('p1', 5);
select ok((select min(token) from fourth) > (select min(token) from third), 'a holder that comes back late has a new token: its former self is fenced off too');

-- The archive.
select lives_ok('select make_outbox_partitions(2)', 'partitions are made ahead, even if the first events were archived before there were any');
select is(
    (select count(*)::integer from pg_inherits as i join pg_class as c on c.oid = i.inhrelid
      where i.inhparent = 'public.outbox_archive'::regclass
        and c.relname = any (array(select to_char(timezone('UTC', now()) + make_interval(months => m), '"outbox_archive_"YYYYMM') from generate_series(0, 2) as m))), 3,
    'this month and the next two have one each'
);
select is((select count(*)::integer from outbox_archive where id in (select id from again)), 2, 'and what was archived before is still there');
create temp table spaced as select '{"event_id": "00000000-0000-4000-8000-000000000001",  "event_type":"sample.request.lost", "timestamp" : "2026-01-10T08:00:00Z",
    "sample_request_id":5 , "metadata":{"urgency":  "HIGH"}, "reason":null}'::json as payload;
insert into outbox (event_id, event_type, payload) select '00000000-0000-4000-8000-000000000001', 'sample.request.lost', payload from spaced;
select is((select c.payload::text from claim_outbox_events('p1', 1000) as c where c.event_id = '00000000-0000-4000-8000-000000000001'),
    (select payload::text from spaced), 'a payload keeps its very text');
select throws_ok($$insert into outbox (event_id, event_type, lead_id, user_id, payload) select event_id, event_type, lead_id, user_id, payload from outbox limit 1$$,
    '23505', null, 'an event id is used once');

-- Job runs.
select isnt(start_job_run('publish'), null, 'a job run is opened');
select lives_ok($$select finish_job_run(id, 'SUCCESS', '{"published": 3}') from job_runs order by id desc limit 1$$, 'and closed');
select results_eq($$select job, outcome, detail, finished_at is not null from job_runs order by id desc limit 1$$, $$values ('publish', 'SUCCESS',
    jsonb '{"published": 3}', true)$$, 'with what was done');
select lives_ok($$select finish_job_run(id, 'FAILURE', '{}') from job_runs order by id desc limit 1$$, 'closing it twice');
select is((select outcome from job_runs order by id desc limit 1), 'SUCCESS', 'changes nothing');
select throws_ok($$select finish_job_run(start_job_run('remind'), 'MAYBE', '{}')$$, '23514', null, 'a run succeeds or fails') ;

select * from finish();
rollback;
