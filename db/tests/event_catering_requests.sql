-- Catering: an answer is due within two hours; that none came is recorded once, by whoever sees it first.
begin;
select plan(49);
set local time zone 'Europe/Berlin';
set local client_min_messages = warning;

-- Ids that the database gives must not meet those below: the sequence knows nothing of them.
do $$
begin
    perform setval(pg_get_serial_sequence('public.event_catering_requests', 'id'), greatest(1000000, nextval(pg_get_serial_sequence('public.event_catering_requests', 'id'))));
end
$$;

insert into leads (id, user_id, created_at) values (1, 7, now() - interval '30 days'), (2, 7, now() - interval '30 days'), (3, 7, now() - interval '30 days');
create temp table seen as select coalesce(max(id), 0) as id from outbox;
create temp view told as
select o.event_type, o.lead_id, (o.payload ->> 'event_catering_request_id')::bigint as request, o.payload, o.id
  from outbox as o where o.event_type like 'event.%' and o.id > (select id from seen);

-- Answered in time.
insert into event_catering_requests (id, lead_id, user_id, event_type, capacity_tier, requested_at) values (1, 1, 7, 'Hochzeit', 'L', now() - interval '119 minutes');
select results_eq(
    $$select event_type, lead_id, request, payload -> 'metadata' ->> 'eventType', payload -> 'metadata' ->> 'capacityTier', (payload -> 'metadata')::jsonb ? 'responseSeconds' from told$$,
    $$values ('event.catering.requested', 1::bigint, 1::bigint, 'Hochzeit', 'L', false)$$, 'a request is told'
);
update event_catering_requests set responded_at = now() where id = 1;
select results_eq(
    $$select event_type, (payload -> 'metadata' ->> 'responseSeconds')::integer from told where request = 1 order by id$$,
    $$values ('event.catering.requested', null::integer), ('event.catering.responded', 7140)$$, 'its answer is told, with how long it took'
);
select is((select breached_at from event_catering_requests where id = 1), null, 'an answer in time breaches nothing');
select is_empty('select * from record_catering_breaches()', 'there is nothing for the worker');

-- Not answered at all.
insert into event_catering_requests (id, lead_id, user_id, event_type, requested_at) values
    (2, 1, 7, 'Messe', now() - interval '2 hours'), (3, 2, 7, 'Messe', now() - interval '2 hours' + interval '1 second'), (4, null, 8, 'Messe', now() - interval '3 hours');
select is((select capacity_tier from event_catering_requests where id = 2), 'STANDARD', 'the usual size need not be told');
select results_eq(
    'select id, breached_at from record_catering_breaches()',
    $$values (4::bigint, now() - interval '1 hour'), (2, now())$$, 'after two hours it is a breach, the oldest first, dated when the answer was due'
);
select results_eq(
    $$select event_type, request, lead_id, payload ->> 'timestamp' = to_char((now() - interval '1 hour') at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')
        from told where event_type = 'event.catering.sla_breached' order by id$$,
    $$values ('event.catering.sla_breached', 4::bigint, null::bigint, true), ('event.catering.sla_breached', 2, 1, false)$$, 'each is told, without a lead too'
);
select is_empty('select * from record_catering_breaches()', 'a second pass records nothing');
update event_catering_requests set responded_at = now() where id in (2, 4);
select is((select count(*)::integer from told where event_type = 'event.catering.sla_breached'), 2, 'an answer after the breach is no second breach');
select is((select count(*)::integer from told where event_type = 'event.catering.responded' and request in (2, 4)), 2, 'it is told all the same');
select is((select breached_at from event_catering_requests where id = 2), now(), 'the breach stays on record');

-- Answered too late, and no pass has looked in between.
insert into event_catering_requests (id, lead_id, user_id, event_type, requested_at) values (5, 3, 7, 'Gala', now() - interval '5 hours');
update event_catering_requests set responded_at = now() - interval '1 hour' where id = 5;
select is((select breached_at from event_catering_requests where id = 5), now() - interval '3 hours', 'a late answer is a breach, whether or not the worker has looked');
select results_eq(
    $$select event_type from told where request = 5 order by id$$,
    $$values ('event.catering.requested'), ('event.catering.sla_breached'), ('event.catering.responded')$$, 'told in the order in which it happened'
);
insert into event_catering_requests (id, user_id, event_type, requested_at, responded_at) values
    (6, 7, 'Gala', now() - interval '9 hours', now() - interval '7 hours'), (7, 7, 'Gala', now() - interval '9 hours', now() - interval '7 hours' - interval '1 second');
select results_eq(
    $$select request, event_type from told where request in (6, 7) order by id$$,
    $$values (6::bigint, 'event.catering.requested'), (6, 'event.catering.sla_breached'), (6, 'event.catering.responded'), (7, 'event.catering.requested'), (7, 'event.catering.responded')$$,
    'one that comes in with its answer tells all; exactly two hours are too long'
);
select is_empty('select * from record_catering_breaches()', 'none of these is left to the worker');

-- Corrections.
update event_catering_requests set responded_at = now() - interval '8 hours' where id = 6;
select is((select breached_at from event_catering_requests where id = 6), now() - interval '7 hours', 'what others have been told is not taken back by a correction');
update event_catering_requests set responded_at = now() - interval '1 hour' where id = 7;
select is((select breached_at from event_catering_requests where id = 7), now() - interval '7 hours', 'a correction can show that it was too late');
update event_catering_requests set requested_at = now() - interval '4 hours' where id = 1;
select is((select breached_at from event_catering_requests where id = 1), now() - interval '2 hours', 'so can one of the request''s own moment');
select is((select count(*)::integer from told where event_type = 'event.catering.sla_breached' and request in (1, 6, 7)), 3, 'each is told once');
update event_catering_requests set event_type = 'Firmenfeier', capacity_tier = 'XL', user_id = 9 where id = 1;
select is((select count(*)::integer from told where request = 1), 3, 'other corrections are nobody''s news');
select throws_ok('update event_catering_requests set responded_at = null where id = 1', 'LP034', null, 'an answer is not taken back');
select throws_ok($$update event_catering_requests set responded_at = now() - interval '5 hours' where id = 1$$, 'LP033', null, 'nor dated before the request');
insert into event_catering_requests (id, user_id, event_type, breached_at) values (8, 7, 'x', now());
select is((select breached_at from event_catering_requests where id = 8), null, 'a breach is for the system to set');
update event_catering_requests set breached_at = null where id = 6;
select isnt((select breached_at from event_catering_requests where id = 6), null, 'and not to be wiped away');

-- The sweep.
insert into event_catering_requests (id, user_id, event_type, requested_at) select 100 + n, 7, 'x', now() - interval '1 day' + n * interval '1 minute' from generate_series(1, 10) as n;
select is((select array_agg(id) from record_catering_breaches(3)), array[101, 102, 103]::bigint[], 'a pass takes what it is told to take, the longest due first');
select is_empty($$select * from record_catering_breaches(at => now() - interval '1 day')$$, 'a drill in the past sees what was due then');
select is((select count(*)::integer from record_catering_breaches(at => now() - interval '22 hours' + interval '5 minutes')), 2, 'and no more');
select is((select count(*)::integer from record_catering_breaches()), 5, 'the next pass goes on');
select throws_ok('select record_catering_breaches(0)', 'LP022', null, 'no limit is refused');
select throws_ok('select record_catering_breaches(null)', 'LP022', null, 'nor an unknown one taken');
select throws_ok($$select record_catering_breaches(at => now() + interval '1 second')$$, 'LP007', null, 'what has not come cannot be recorded');
select throws_ok($$select record_catering_breaches(at => '-infinity')$$, 'LP006', null, 'nor what never was');
insert into event_catering_requests (id, user_id, event_type, requested_at, responded_at) values (9, 7, 'x', now() - interval '1 hour', now());
update settings set value = '30 minutes' where name = 'catering_sla';
select is((select array_agg(id) from record_catering_breaches()), array[3]::bigint[], 'a shorter time is a setting');
update event_catering_requests set event_type = 'Hochzeit' where id = 9;
select is((select breached_at from event_catering_requests where id = 9), null, 'under which nothing that was answered in time becomes a breach');
select throws_ok($$update settings set value = 'soon' where name = 'catering_sla'$$, '22007', null, 'which must be a time');
select throws_ok($$update settings set value = '-1 hour' where name = 'catering_sla'$$, '23514', null, 'that can pass');
delete from settings where name = 'catering_sla';
insert into event_catering_requests (id, user_id, event_type, requested_at) values (120, 7, 'x', now() - interval '1 day');
select is_empty('select * from record_catering_breaches()', 'without the setting nothing breaches');

-- Moments, words, leads.
select throws_ok(format('insert into event_catering_requests (user_id, event_type, requested_at) values (7, ''x'', %s)', m), 'LP006', null, format('requested at %s is refused', m))
  from unnest(array['''infinity''', '''1999-12-31''']) as m;
select throws_ok($$insert into event_catering_requests (user_id, event_type, requested_at) values (7, 'x', now() + interval '6 minutes')$$, 'LP007', null, 'nobody asks in the future');
select throws_ok(format('insert into event_catering_requests (user_id, event_type, capacity_tier) values (7, %L, %L)', e, c), '23514', null, 'an occasion and a size must be seen')
  from (values ('', 'L'), ('x', ' ')) as t (e, c);
insert into event_catering_requests (id, user_id, event_type, capacity_tier) values (121, 7, repeat(chr(1), 1000000), repeat('x', 1000000));
select results_eq(
    $$select length(payload -> 'metadata' ->> 'eventType'), length(payload -> 'metadata' ->> 'capacityTier') from told where request = 121$$, 'values (200, 200)',
    'they may be of any length: the event tells how they begin'
);
select throws_ok($$insert into event_catering_requests (lead_id, user_id, event_type) values (777, 7, 'x')$$, 'LP001', null, 'an unknown lead is refused');
delete from leads where id = 3;
set constraints all immediate;
select is((select lead_id from event_catering_requests where id = 5), null, 'a request outlives its lead');
select throws_ok('truncate event_catering_requests', 'LP015', null, 'requests are never truncated');
select results_eq(
    $$select event_type, count(*) from told group by event_type order by event_type$$,
    $$select t.e, count(*) from event_catering_requests as r
       cross join lateral (values ('event.catering.requested', r.requested_at), ('event.catering.responded', r.responded_at), ('event.catering.sla_breached', r.breached_at)) as t (e, at)
       where t.at is not null group by t.e order by t.e$$,
    'at the end every request, answer and breach has been told exactly once'
);

-- The reference to a lead that the same statement deletes is set to null within it.
insert into settings (name, value, description) values ('catering_sla', '2 hours', 'x');
insert into leads (id, user_id) values (90, 7);
insert into event_catering_requests (id, lead_id, user_id, event_type, requested_at) values (9000000000090, 90, 7, 'gone', now() - interval '20 years');
with r as (update event_catering_requests set responded_at = now() where id = 9000000000090) delete from leads where id = 90;
select results_eq(
    $$select event_type, count(*)::integer from outbox where payload ->> 'event_catering_request_id' = '9000000000090' and event_type <> 'event.catering.requested' group by 1 order by 1$$,
    $$values ('event.catering.responded', 1), ('event.catering.sla_breached', 1)$$, 'an answer that comes as its lead is deleted is told once'
);
select results_eq(
    $$select figure, sum(amount)::integer from internal.figure_deltas where label_1 = 'gone' and figure like '%sla%' group by 1 order by 1$$,
    $$values ('event_catering_sla_breaches_total', 1), ('event_catering_sla_seconds', 1)$$, 'and counted once'
);

select * from finish();
rollback;
