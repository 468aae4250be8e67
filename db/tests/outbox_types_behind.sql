-- A sink that takes nothing of a batch is offered one event of each other type, however far behind it stands.
begin;
select plan(14);
set local client_min_messages = warning;

create function pg_temp.behind(p_token bigint, variadic p_types text[]) returns text language sql as $$
    select coalesce(string_agg(b.event_type || ' of ' || coalesce(b.lead_id::text, 'none'), ', ' order by b.id), '') from claim_types_behind(p_token, p_types) as b
$$;
insert into leads (id, user_id, created_at) select i, 7, now() - interval '61 days' from generate_series(1, 9) as i;
create temp table batch as select * from claim_outbox_events('p', 1);
select is((select count(*)::integer from internal.outbox_leases where holder = 'p'), 1, 'a batch of one is of one part');
select is(pg_temp.behind((select token from batch), 'lead.protection.activated'), '', 'of other types there is none');
call create_lead_hold(4, 7, 'price list');
select is(pg_temp.behind((select token from batch), 'lead.protection.activated'), '', 'one that stands behind an earlier event of its lead stays there');
delete from outbox where lead_id in (3, 4, 8) and event_type = 'lead.protection.activated';
call create_lead_hold(3, 7, 'price list');
call release_lead_hold(3, 7);
call release_lead_hold(4, 7);
select internal.write_module_event('sample.request.created', now(), null, 7, null, '{"sample_request_id": 9}');
select is(pg_temp.behind((select token from batch), 'lead.protection.activated'), 'lead.hold.created of 4, sample.request.created of none',
    'the first of each type is handed out that no other of its lead stands before');
select is((select count(*)::integer from internal.outbox_leases where token = (select token from batch)), 4, 'from all parts that nobody has');
select is(pg_temp.behind((select token from batch), 'lead.protection.activated', 'lead.hold.created'), 'sample.request.created of none', 'but for the types that are named');
select is(acknowledge_outbox_events((select token from batch), array(select id from outbox where event_type like 'lead.hold.%' and lead_id = 4)), 2, 'under the token they are acknowledged');

-- What waits, and what others have.
update outbox set next_attempt_at = now() + interval '1 minute' where event_type = 'sample.request.created';
select is(pg_temp.behind((select token from batch), 'lead.protection.activated'), 'lead.hold.created of 3', 'what waits for another attempt is not handed out');
update outbox set next_attempt_at = now() - interval '1 minute' where event_type = 'sample.request.created';
update internal.outbox_leases set holder = 'q', token = 999, leased_until = now() + interval '1 minute' where shard = 3;
select is(pg_temp.behind((select token from batch), 'lead.protection.activated'), 'sample.request.created of none', 'but is when its turn has come; what is another''s stays with it');
select is((select holder from internal.outbox_leases where shard = 3), 'q', 'nor is its part taken');
select is(pg_temp.behind(0, 'lead.protection.activated'), '', 'who was overtaken gets nothing');

-- Reminders.
select set_eq($$select lead_id from dispatch_due_reminders()$$, $$values (1::bigint), (2), (5), (6), (7), (8), (9), (3), (4)$$, 'reminders fall due');
select matches(pg_temp.behind((select token from batch), 'lead.protection.activated', 'sample.request.created'), '^lead.protection.reminder of [48]$', 'one is handed out, too');
select is((select count(*)::integer from outbox where claimed_at is not null), 1, 'and is not withdrawn any more');

select * from finish();
rollback;
