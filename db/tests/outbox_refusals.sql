-- Page 3: what a sink refuses is tried again, then set apart; it holds up later events of its own lead, and no others.
begin;
select plan(78);
set local client_min_messages = warning;
update settings set value = '1' where name = 'outbox_shards';
update settings set value = '3' where name = 'outbox_max_attempts';

insert into leads (id, user_id) values (1, 7), (2, 7), (3, 7);
update leads set user_id = 8;
create function pg_temp.claim() returns table (id bigint, lead_id bigint) language sql as $$ select id, lead_id from claim_outbox_events('p', 100) order by id $$;
create function pg_temp.token() returns bigint language sql as $$ select max(token) from internal.outbox_leases $$;
create function pg_temp.refuse(p_id bigint, p_final boolean default false) returns setof text language sql as
$$ select r.state from refuse_outbox_events(pg_temp.token(), array[p_id], array['no: ü'], p_final => array[p_final]) as r $$;
create function pg_temp.publish() returns integer language sql as
$$ select coalesce(sum(acknowledge_outbox_events(c.token, array[c.id])), 0)::integer from claim_outbox_events('p', 100) as c $$;
create function pg_temp.pass_time() returns void language sql as
$$ update public.outbox set next_attempt_at = clock_timestamp() - interval '1 ms' where next_attempt_at is not null $$;
create function pg_temp.first(p_lead_id bigint) returns bigint language sql as $$ select min(id) from public.outbox where lead_id = p_lead_id $$;
create temp table original as select id, event_id, event_type, lead_id, payload::text as payload from outbox;

-- The first refusal.
select is((select count(*)::integer from pg_temp.claim()), 6, 'all is claimed');
select is(array(select pg_temp.refuse(pg_temp.first(1))), array['RETRYING'], 'a refused event is to be tried again');
select results_eq('select id, attempts, last_error from outbox where attempts > 0', $$select min(id), 1, 'no: ü' from original where lead_id = 1$$, 'why is noted');
select ok((select next_attempt_at between clock_timestamp() + interval '0.9 s' and clock_timestamp() + interval '2 s' from outbox where attempts > 0), 'it waits: of the delay at least half');
select results_eq('select lead_id from pg_temp.claim()', 'values (2::bigint), (3), (2), (3)', 'it holds back its own lead''s later event, and no other''s');
select is((select count(distinct next_attempt_at)::integer from outbox where lead_id = 1), 1, 'which waits for the same moment');
select results_eq('select state, attempts from list_outbox_events(p_lead_id => 1)', $$values ('PENDING', 0), ('RETRYING', 1)$$, 'the list tells which is tried again');
select is(pg_temp.publish(), 4, 'the other leads'' events go out');
select results_eq('select lead_id from pg_temp.claim()', 'select 1::bigint where false', 'the rest waits');
select is(announce_outbox_sleep(), 'ASLEEP', 'what only waits keeps no publisher awake');
select ok(end_outbox_sleep(), 'it wakes');
select results_eq($$select kpi, value, status from monitoring_outbox where kpi <> 'outbox_lag'$$,
    $$values ('outbox_pending', 2::numeric, null), ('outbox_retrying', 1, null), ('outbox_held_back', 1, null), ('outbox_dead_letters', 0, 'OK'), ('outbox_published_24h', 4, null)$$,
    'the figures tell them apart');
select results_eq($$select value, status from monitoring_outbox where kpi = 'outbox_lag'$$, $$values (0::numeric, 'OK')$$, 'and nothing lags');

-- Again and again.
select pg_temp.pass_time();
select is(announce_outbox_sleep(), 'PENDING', 'when its turn has come, there is work');
select results_eq('select lead_id from pg_temp.claim()', 'values (1::bigint), (1)', 'it is handed out again, the later one behind it');
select is(array(select state from list_outbox_events(p_lead_id => 1)), array['CLAIMED', 'CLAIMED'], 'to a publisher');
select is(array(select pg_temp.refuse(pg_temp.first(1))), array['RETRYING'], 'refused again');
select ok((select next_attempt_at > clock_timestamp() + interval '1.9 s' from outbox where attempts = 2), 'it waits twice as long');
select is_empty('select * from pg_temp.claim()', 'and its lead with it');
select pg_temp.pass_time();
select is((select count(*)::integer from pg_temp.claim()), 2, 'once more');
select is(array(select pg_temp.refuse(pg_temp.first(1))), array['DEAD'], 'at the last attempt it is given up');
select results_eq('select event_id, payload::text, attempts, last_error from outbox_dead_letters', $$select event_id, payload, 3, 'no: ü' from original where lead_id = 1 order by id limit 1$$,
    'it stands apart, byte for byte, with its last error');
select is(array(select state from list_outbox_events(p_state => 'DEAD')), array['DEAD'], 'the list tells it');
select is((select status from monitoring_outbox where kpi = 'outbox_dead_letters'), 'BREACH', 'so do the figures');
select is(pg_temp.publish(), 1, 'and its lead''s later event goes out');

-- Fences and limits.
insert into leads (id, user_id) values (4, 7), (5, 7);
select is((select count(*)::integer from pg_temp.claim()), 2, 'two more events');
select is_empty(format('select * from refuse_outbox_events(%s, array[%s], array[''x''])', pg_temp.token() - 1, pg_temp.first(4)), 'who was overtaken refuses nothing');
select is((select attempts from outbox where lead_id = 4), 0, 'no attempt is counted');
select is_empty('select pg_temp.refuse(-1)', 'an unknown id is passed over');
select throws_ok(format('select * from refuse_outbox_events(%s, array[1, 2], array[''x''])', pg_temp.token()), 'LP028', null, 'each refusal needs its reason');
select lives_ok(format('select * from refuse_outbox_events(%s, array[%s], array[repeat(''x'', 100000)], array[600])', pg_temp.token(), pg_temp.first(4)), 'a long reason');
select is((select length(last_error) from outbox where lead_id = 4), 1000, 'is cut');
select ok((select next_attempt_at > clock_timestamp() + interval '599 s' from outbox where lead_id = 4), 'who asks for ten minutes gets them');
select is(array(select pg_temp.refuse(pg_temp.first(5), true)), array['DEAD'], 'a final refusal is the last at once');
do $$
begin
    for n in 1..3 loop
        perform internal.write_module_event('sample.request.lost', now(), null, 7, null, jsonb_build_object('sample_request_id', n));
    end loop;
end
$$;
select is((select count(*)::integer from pg_temp.claim()), 3, 'events of no lead');
select is(array(select pg_temp.refuse((select min(id) from outbox where lead_id is null))), array['RETRYING'], 'one of them is refused');
select is(pg_temp.publish(), 2, 'the others go out');
select throws_ok(format('update settings set value = %L where name = ''outbox_max_attempts''', v.value), '23514', null, format('%s attempts are refused', v.value)) from (values ('0'), ('-1'), ('1000'), ('x')) as v (value);
select throws_ok($$update settings set value = '0 seconds' where name = 'outbox_retry_delay'$$, '23514', null, 'a delay of nothing is refused');

-- What failed alone may be the sink's fault: it stands aside, and nothing counts.
insert into leads (id, user_id) values (9, 7), (10, 7);
update leads set user_id = 8 where id = 9;
select is((select count(*)::integer from pg_temp.claim()), 3, 'two more leads');
select is(put_off_outbox_event(pg_temp.token() - 1, pg_temp.first(9), 'down', 20), false, 'who was overtaken puts nothing off');
select ok(put_off_outbox_event(pg_temp.token(), (select max(id) from outbox), 'down', 20), 'the last that was handed out may be put off');
update outbox set next_attempt_at = null, last_error = null where last_error = 'down';
select ok(put_off_outbox_event(pg_temp.token(), pg_temp.first(9), 'down', 20), 'an event is put off');
select results_eq('select attempts, last_error from outbox where next_attempt_at > clock_timestamp() + interval ''19 s'' and lead_id = 9', $$values (0, 'down')$$, 'for so long, its attempts as they were');
select is(pg_temp.publish(), 1, 'its lead waits with it, and no other');
update outbox set created_at = now() - interval '1 minute' where id = pg_temp.first(9);
select is((select value from metric_outbox_lag_seconds), 60::double precision, 'while it stands aside the outbox lags: the sink may be down');
select is((select value from monitoring_outbox where kpi = 'outbox_lag'), 60::numeric, 'and people are told the same');
savepoint alone;
update outbox set next_attempt_at = null, last_error = null where id <> pg_temp.first(9);
select internal.write_module_event('sample.request.created', now(), null, 7, null, '{"sample_request_id": 9}') from generate_series(1, 1000);
update outbox set next_attempt_at = now(), attempts = 1, last_error = 'refused' where event_type = 'sample.request.created';
select is((select value from monitoring_outbox where kpi = 'outbox_lag'), (select value::numeric from metric_outbox_lag_seconds), 'also behind a thousand that were refused: there is one reading');
rollback to savepoint alone;
select is(array(select state from list_outbox_events(p_lead_id => 9)), array['PENDING', 'RETRYING'], 'the list tells which');
select is((select count(*)::integer from discard_outbox_events(array[pg_temp.first(9)])), 1, 'it is discarded');
select is(pg_temp.publish(), 1, 'then what stood behind it goes out');

-- Dead letters are brought back or discarded.
select throws_ok('select * from replay_outbox_events(p_state => ''PENDING'')', 'LP029', null, 'what waits is not replayed');
select throws_ok('select * from replay_outbox_events(p_state => ''PUBLISHED'')', 'LP023', null, 'all that was published neither');
select is((select count(*)::integer from replay_outbox_events(p_state => 'DEAD')), 2, 'all dead letters are');
select results_eq('select o.payload::text, o.attempts from outbox as o where o.lead_id = 1', $$select payload, 0 from original where lead_id = 1 order by id limit 1$$, 'the same bytes, and every attempt anew');
select is(pg_temp.publish(), 2, 'they go out');
select is((select array_agg(former.id order by r.id) from replay_outbox_events(p_lead_id => 1) as r join original as former using (event_id)),
    array(select id from original where lead_id = 1 order by id), 'a lead''s replay has the order of writing, though one of them came back before');
select is((select count(*)::integer from pg_temp.claim()), 2, 'claimed');
select is(array(select pg_temp.refuse(pg_temp.first(1), true)), array['DEAD'], 'and one given up again');
select lives_ok('select * from discard_outbox_events(array(select id from outbox_dead_letters))', 'a dead letter is discarded');
select is_empty('select * from outbox_dead_letters', 'it is gone');
select is(pg_temp.publish(), 1, 'the other goes out');

-- Reminders.
insert into leads (id, user_id, created_at) values (6, 7, now() - interval '61 days'), (7, 7, now() - interval '61 days'), (8, 7, now() - interval '61 days');
select is((select count(*)::integer from dispatch_due_reminders()), 3, 'three leads are reminded');
delete from outbox where event_type <> 'lead.protection.reminder';
select is((select count(*)::integer from pg_temp.claim()), 3, 'the publisher has them');
select pg_temp.refuse(pg_temp.first(6), true), pg_temp.refuse(pg_temp.first(7), true), pg_temp.refuse(pg_temp.first(8));
select results_eq('select state from v_user_lead_protection where id in (6, 7, 8)', $$values ('REMINDER_DUE'), ('REMINDER_DUE'), ('REMINDER_DUE')$$, 'nobody''s grace begins');
call create_lead_hold(6, 7, 'price list');
call create_lead_hold(8, 7, 'price list');
select is((select count(*)::integer from lead_reminders where lead_id in (6, 8)), 0, 'a refused or dead reminder is withdrawn with its lead''s being due');
select is((select count(*)::integer from outbox where lead_id in (6, 8) and event_type like '%reminder') + (select count(*)::integer from outbox_dead_letters where lead_id = 6), 0, 'with its event');
select is((select is_queued_anew from discard_outbox_events(array(select id from outbox_dead_letters))), true, 'a dead reminder is discarded');
select is((select count(*)::integer from dispatch_due_reminders()), 1, 'and queued anew');
select is((select count(*)::integer from pg_temp.claim()), 3, 'claimed with the holds'' events');
select is(array(select pg_temp.refuse((select id from outbox where event_type like '%reminder'), true)), array['DEAD'], 'given up');
select is((select count(*)::integer from replay_outbox_events(p_state => 'DEAD')), 1, 'replayed');
select is(pg_temp.publish(), 3, 'and published');
select ok((select sent_at is not null from lead_reminders where lead_id = 7), 'then it is sent');
select is((select count(*)::integer from verify_lead_protection()), 0, 'the stored rows are true');

select * from finish();
rollback;
