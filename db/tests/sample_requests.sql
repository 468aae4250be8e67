-- Samples: states only move forward, an end is final, others hear of each piece of news once.
begin;
select plan(54);
set local time zone 'Europe/Berlin';
set local client_min_messages = warning;

-- Ids that the database gives must not meet those below: the sequence knows nothing of them.
do $$
begin
    perform setval(pg_get_serial_sequence('public.sample_requests', 'id'), greatest(1000000, nextval(pg_get_serial_sequence('public.sample_requests', 'id'))));
end
$$;

insert into leads (id, user_id, created_at) values (1, 7, now() - interval '30 days'), (2, 7, now() - interval '30 days');
set constraints all immediate;
set constraints all deferred;
create temp table seen as select coalesce(max(id), 0) as id from outbox;
create temp view told as
select o.event_type, o.lead_id, o.user_id, (o.payload ->> 'sample_request_id')::bigint as request, o.payload, o.id
  from outbox as o where o.event_type like 'sample.%' and o.id > (select id from seen);

-- A request and its news.
insert into sample_requests (id, lead_id, user_id, product_type) values (1, 1, 7, 'TK-Gemüse');
select results_eq(
    $$select status, urgency, requested_at, resolved_at from sample_requests where id = 1$$,
    $$values ('REQUESTED', 'NORMAL', now(), null::timestamptz)$$,
    'a request is open, of normal urgency, and made now'
);
select results_eq(
    $$select event_type, lead_id, user_id, request, payload ->> 'timestamp', payload ->> 'reason', payload -> 'metadata' ->> 'productType', payload -> 'metadata' ->> 'urgency' from told$$,
    $$values ('sample.request.created', 1::bigint, 7::bigint, 1::bigint, to_char(now() at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'), null, 'TK-Gemüse', 'NORMAL')$$,
    'it is told, with what was asked for'
);
update sample_requests set status = 'PACKED' where id = 1;
update sample_requests set status = 'IN_TRANSIT' where id = 1;
update sample_requests set status = 'IN_TRANSIT' where id = 1;
select is((select count(*)::integer from told), 1, 'steps on the way are nobody''s news');
update sample_requests set status = 'DELIVERED' where id = 1;
select is((select resolved_at from sample_requests where id = 1), now(), 'one that has arrived has ended now');
select results_eq('select event_type, request from told order by id', $$values ('sample.request.created', 1::bigint), ('sample.request.delivered', 1)$$, 'and that is told');
update sample_requests set status = 'DELIVERED', urgency = 'HIGH', product_type = 'Pasta' where id = 1;
select is((select count(*)::integer from told), 2, 'told once: corrections are nobody''s news');

-- Forward only.
insert into sample_requests (id, user_id, product_type, status) values (2, 7, 'x', 'PACKED'), (3, 7, 'x', 'IN_TRANSIT'), (4, 7, 'x', 'REQUESTED');
select throws_ok($$update sample_requests set status = 'REQUESTED' where id = 2$$, 'LP032', null, 'what is packed is not merely requested any more');
select throws_ok($$update sample_requests set status = 'PACKED' where id = 3$$, 'LP032', null, 'what is in transit is not packed again');
select lives_ok($$update sample_requests set status = 'DELIVERED' where id = 4$$, 'steps may be left out');
select throws_ok(
    format('update sample_requests set status = %L where id = 1', s), 'LP032', null, format('what has arrived is not %s', s)
) from unnest(array['REQUESTED', 'PACKED', 'IN_TRANSIT', 'LOST', 'FAILED', 'CANCELLED']) as s;
insert into sample_requests (id, user_id, product_type, status, resolved_at)
select 10 + o.n * 10 + e.n, 7, 'x', o.s, null
  from unnest(array['REQUESTED', 'PACKED', 'IN_TRANSIT']) with ordinality as o (s, n) cross join unnest(array['LOST', 'FAILED', 'CANCELLED']) with ordinality as e (s, n);
select lives_ok($$update sample_requests set status = (array['LOST', 'FAILED', 'CANCELLED'])[id % 10] where id between 20 and 49$$, 'from every open state it may be lost, fail or be called off');
select results_eq(
    $$select status, count(*), count(resolved_at) from sample_requests where id between 20 and 49 group by status order by status$$,
    $$values ('CANCELLED', 3::bigint, 3::bigint), ('FAILED', 3, 3), ('LOST', 3, 3)$$, 'each of these is an end'
);
select results_eq(
    $$select event_type, count(*) from told where request between 20 and 49 group by event_type order by event_type$$,
    $$values ('sample.request.created', 9::bigint), ('sample.request.failed', 3), ('sample.request.lost', 3)$$, 'what is called off is not told'
);
select throws_ok($$update sample_requests set status = 'DELIVERED' where id = 21$$, 'LP032', null, 'what is lost does not arrive');
select throws_ok($$insert into sample_requests (user_id, product_type, status) values (7, 'x', 'EATEN')$$, '23514', null, 'another state is none');
select throws_ok($$update sample_requests set status = 'EATEN' where id = 2$$, '23514', null, 'nor is one moved to it');
select throws_ok($$update sample_requests set status = null where id = 2$$, '23502', null, 'nor to none');

-- Moments.
insert into sample_requests (id, lead_id, user_id, product_type, status, requested_at, resolved_at) values
    (50, 2, 7, 'x', 'DELIVERED', now() - interval '3 days', now() - interval '1 day'), (51, 2, 7, 'x', 'CANCELLED', now() - interval '3 days', now() - interval '2 days');
select results_eq(
    $$select event_type, request, payload ->> 'timestamp' = to_char((now() - interval '1 day') at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') from told where lead_id = 2 order by id$$,
    $$values ('sample.request.created', 50::bigint, false), ('sample.request.delivered', 50, true), ('sample.request.created', 51, false)$$,
    'one that comes in with its end tells both, each at its moment'
);
select lives_ok($$update sample_requests set resolved_at = now() - interval '36 hours' where id = 50$$, 'the moment of an end may be put right');
select throws_ok($$update sample_requests set resolved_at = now() - interval '4 days' where id = 50$$, 'LP033', null, 'not to before the request');
select throws_ok($$update sample_requests set requested_at = now() - interval '1 hour' where id = 50$$, 'LP033', null, 'nor the request to after its end');
select throws_ok($$update sample_requests set resolved_at = null where id = 50$$, '23514', null, 'an end has a moment');
select throws_ok($$update sample_requests set resolved_at = now() where id = 2$$, 'LP035', null, 'what is open has none');
select throws_ok($$insert into sample_requests (user_id, product_type, resolved_at) values (7, 'x', now())$$, 'LP035', null, 'from the beginning');
select throws_ok(format('insert into sample_requests (user_id, product_type, requested_at) values (7, ''x'', %s)', m), 'LP006', null, format('requested at %s is refused', m))
  from unnest(array['''infinity''', '''-infinity''', '''1999-12-31''', '''2101-01-02''']) as m;
select throws_ok($$insert into sample_requests (user_id, product_type, requested_at) values (7, 'x', now() + interval '6 minutes')$$, 'LP007', null, 'nobody asks in the future');
select throws_ok($$update sample_requests set status = 'DELIVERED', resolved_at = now() + interval '1 hour' where id = 2$$, 'LP007', null, 'nothing arrives in the future');
insert into sample_requests (id, user_id, product_type, requested_at) values (52, 7, 'x', now() + interval '4 minutes');
select is((select requested_at from sample_requests where id = 52), now(), 'five minutes of clock skew are forgiven');
set constraints all immediate;
alter table sample_requests disable trigger sample_requests_check;
update sample_requests set requested_at = now() + interval '10 minutes' where id = 52;
alter table sample_requests enable trigger sample_requests_check;
set constraints all deferred;
select lives_ok($$update sample_requests set status = 'PACKED' where id = 52$$, 'a transaction that began before the request moves it on all the same');
select is((select requested_at from sample_requests where id = 52), now() + interval '10 minutes', 'and leaves its moment alone');
update sample_requests set status = 'DELIVERED' where id = 52;
select is((select resolved_at from sample_requests where id = 52), now() + interval '10 minutes', 'what it ends does not end before it was asked for');

-- What people type.
select throws_ok(format('insert into sample_requests (user_id, product_type) values (7, %L)', t), '23514', null, 'a product type must be seen')
  from unnest(array['', '   ', E'\u200B\u00A0']) as t;
insert into sample_requests (id, user_id, product_type, urgency) values (54, 7, repeat(chr(1), 1000000), repeat('x', 1000000));
select results_eq(
    $$select length(payload -> 'metadata' ->> 'productType'), length(payload -> 'metadata' ->> 'urgency') from told where request = 54$$, 'values (200, 200)',
    'it may be of any length: its event tells how it begins'
);
insert into sample_requests (id, user_id, product_type, urgency) values (53, 7, E'"},{"a":"b\\\n%s; drop table leads; --', '<b>SOFORT</b>');
select is((select payload -> 'metadata' ->> 'productType' from told where request = 53), E'"},{"a":"b\\\n%s; drop table leads; --', 'whatever it says, it is data');

-- The statements that modules use.
insert into sample_requests (id, lead_id, user_id, product_type) values (60, 1, 7, 'x') on conflict (id) do nothing;
insert into sample_requests (id, lead_id, user_id, product_type, status) values (60, 1, 7, 'x', 'LOST') on conflict (id) do nothing;
insert into sample_requests (id, lead_id, user_id, product_type, status) values (60, 1, 7, 'x', 'DELIVERED'), (61, 1, 7, 'x', 'FAILED')
on conflict (id) do update set status = excluded.status, resolved_at = excluded.resolved_at;
select results_eq(
    $$select request, event_type from told where request in (60, 61) order by request, id$$,
    $$values (60::bigint, 'sample.request.created'), (60, 'sample.request.delivered'), (61, 'sample.request.created'), (61, 'sample.request.failed')$$,
    'an upsert tells what it did and not what it tried'
);
insert into leads (id, user_id) values (3, 7);
insert into sample_requests (id, lead_id, user_id, product_type) values (62, 3, 7, 'x');
delete from leads where id = 3;
select lives_ok('set constraints all immediate', 'a request and the deletion of its lead go well in one transaction');
set constraints all deferred;

-- The lead.
select throws_ok($$insert into sample_requests (lead_id, user_id, product_type) values (777, 7, 'x')$$, 'LP001', null, 'an unknown lead is refused');
select throws_ok($$update sample_requests set lead_id = 777 where id = 2$$, 'LP001', null, 'a request is not moved to one');
select lives_ok($$update sample_requests set lead_id = 1 where id = 2$$, 'to a known one it is');
delete from leads where id = 2;
set constraints all immediate;
select results_eq(
    $$select id, lead_id, status from sample_requests where id in (50, 51) order by id$$,
    $$values (50::bigint, null::bigint, 'DELIVERED'), (51, null, 'CANCELLED')$$, 'a request outlives its lead'
);
select is((select count(*)::integer from told where lead_id = 2), 3, 'so do its events');
select throws_ok('truncate sample_requests', 'LP015', null, 'requests are never truncated');

-- The reference to a lead that the same statement deletes is set to null within it.
insert into leads (id, user_id) values (90, 7);
insert into sample_requests (id, lead_id, user_id, product_type) values (90, 90, 7, 'gone');
with s as (update sample_requests set status = 'DELIVERED' where id = 90) delete from leads where id = 90;
select results_eq('select event_type, lead_id from told where request = 90 order by id',
    $$values ('sample.request.created', 90::bigint), ('sample.request.delivered', 90)$$, 'a sample that arrives as its lead is deleted is told once');
select is((select sum(amount) from internal.figure_deltas where label_1 = 'gone' and figure like '%success%'), 1::numeric, 'and counted once');

select * from finish();
rollback;
