-- Several publishers at once: each has parts of the outbox, by lead, and no part has two.
begin;
select plan(44);
set local client_min_messages = warning;

select is((select value from settings where name = 'outbox_shards'), '4', 'there are four parts, unless somebody says otherwise');
select throws_ok(format('update settings set value = %L where name = ''outbox_shards''', v.value), '23514', null, format('%s parts are refused', v.value))
  from (values ('0'), ('65'), ('-4'), ('four'), ('')) as v (value);
select is(internal.outbox_shard(x.lead_id, 4), x.shard, format('lead %s belongs to part %s', coalesce(x.lead_id::text, 'none'), x.shard))
  from (values (1::bigint, 1), (8, 0), (-3, 3), (null, 0), (9223372036854775807, 3), ((-9223372036854775808)::bigint, 0)) as x (lead_id, shard);

-- A backlog: each takes one part.
insert into leads (id, user_id, created_at) select i, 7, now() - interval '1 day' from generate_series(1, 12) as i;
create temp table a as select * from claim_outbox_events('a', 2);
select results_eq('select lead_id from a order by id', 'values (1::bigint), (5)', 'with more pending than a batch, a publisher takes the part whose event is oldest');
create temp table b as select * from claim_outbox_events('b', 2);
select results_eq('select lead_id from b order by id', 'values (2::bigint), (6)', 'and the next one the next part');
select isnt((select min(token) from a), (select min(token) from b), 'each under a token of its own');
select is((select acknowledge_outbox_events((select min(token) from a), array_agg(id)) from b), 0, 'nobody acknowledges what is in another''s part');
select is((select acknowledge_outbox_events(min(token), array_agg(id)) from b), 2, 'but its own');
select is((select acknowledge_outbox_events(min(a.token), array_agg(o.id)) from a cross join outbox as o where o.lead_id = 9), 0, 'nor what was not handed out to it');
select is((select acknowledge_outbox_events(min(token), array_agg(id)) from a), 2, 'a acknowledges its own');

-- Less than a batch: one publisher takes all, in the order of all.
create temp table rest as select * from claim_outbox_events('a', 100);
select results_eq('select id from rest', 'select id from outbox where lead_id % 4 <> 2 order by id',
    'with less pending than a batch, a publisher takes every part that is free');
select is((select count(distinct token)::integer from rest), 1, 'under one token');
select results_eq($$select lead_id from claim_outbox_events('c', 100)$$, $$select null::bigint where false$$, 'a third gets nothing');
create temp table b_again as select * from claim_outbox_events('b', 100);
select results_eq('select lead_id from b_again', 'values (10::bigint)', 'and the second what is left of its part');

-- A publisher that died: its parts are taken over, and only those.
update internal.outbox_leases set leased_until = now() - interval '1 second' where holder = 'a' and shard = 1;
create temp table taken as select * from claim_outbox_events('c', 100);
select results_eq('select lead_id from taken', 'values (9::bigint)', 'what ran out is taken over');
select is((select acknowledge_outbox_events(min(token), array_agg(id)) from rest), (select count(*)::integer from rest where lead_id % 4 <> 1),
    'the former holder acknowledges only what is still its own');
select is((select count(*)::integer from outbox where lead_id = 9), 1, 'what was taken over waits for its new holder');
select lives_ok(format('select release_outbox_claim(%s)', (select min(token) from rest)), 'the former holder gives back what it has');
select is((select holder from internal.outbox_leases where shard = 1), 'c', 'which is not the part that was taken over');
select is((select acknowledge_outbox_events(min(token), array_agg(id)) from taken), 1, 'whose holder goes on');

-- Another number of parts: not while somebody publishes under the former.
insert into leads (id, user_id, created_at) select i, 7, now() - interval '1 day' from generate_series(21, 28) as i;
update settings set value = '3' where name = 'outbox_shards';
select is_empty($$select * from claim_outbox_events('c', 100)$$, 'whoever asks while others are at work under the former division gets nothing');
select is((select count(*)::integer from internal.outbox_leases where holder = 'c'), 0, 'and gives back what it had');
select is((select count(*)::integer from internal.outbox_leases), 4, 'so that the division stays');
select is((select acknowledge_outbox_events(min(token), array_agg(id)) from b_again), 1, 'those at work finish');
create temp table divided as select * from claim_outbox_events('b', 100);
select is((select count(*)::integer from divided), 8, 'the last one makes the new division and takes all');
select is((select array_agg(array[shard, shards] order by shard) from internal.outbox_leases), array[array[0, 3], array[1, 3], array[2, 3]], 'of three parts now');
select cmp_ok((select min(token) from divided), '>', (select min(token) from taken), 'tokens go on growing');
select is((select acknowledge_outbox_events(min(token), array_agg(id)) from taken), 0, 'and one of the former division is worth nothing');

-- A part that was taken over in between is the new holder's: what the former says of a reminder there starts no grace.
insert into leads (id, user_id, created_at) select i, 7, now() - interval '61 days' from generate_series(43, 44) as i;
select is((select count(*)::integer from dispatch_due_reminders()), 2, 'two reminders in two parts');
select release_outbox_claim(token) from internal.outbox_leases;
create temp table former as select * from claim_outbox_events('former', 100);
update internal.outbox_leases set leased_until = now() - interval '1 second' where shard = 44 % 3;
create temp table newer as select * from claim_outbox_events('newer', 100);
select bag_eq($$select f.lead_id from (select min(token) as token, array_agg(id) as ids from former where event_type = 'lead.protection.reminder') as r
        cross join lateral refuse_outbox_events(r.token, r.ids, array['no', 'no']) as x join former as f on f.id = x.id$$, 'values (43::bigint)', 'the former holder refuses what it had');
select results_eq($$select lead_id, claimed_at is null from outbox where event_type = 'lead.protection.reminder' order by lead_id$$, $$values (43::bigint, true), (44, false)$$,
    'and a reminder of the part that it has lost stays the new holder''s');
select ok((select acknowledge_outbox_events(min(token), array_agg(id), true) from former) > 0, 'or acknowledges all');
select results_eq('select lead_id from lead_reminders where sent_at is not null', 'values (43::bigint)', 'of the part that it has lost nothing is sent');
select ok((select acknowledge_outbox_events(min(token), array_agg(id), true) from newer) > 0, 'until the new holder says so');
select results_eq('select lead_id from lead_reminders where sent_at is not null order by lead_id', 'values (43::bigint), (44)', 'both are');

select * from finish();
rollback;
