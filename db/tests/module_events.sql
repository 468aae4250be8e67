-- Module 02's events instead of table writes: handle_module_event and activate_lead_protection.
begin;
select plan(64);
set local time zone 'Europe/Berlin';

create function pg_temp.created(p_event_id text, p_lead_id bigint, p_user_id bigint, p_more jsonb default '{}') returns jsonb language sql as $$
    select jsonb_build_object('event_id', p_event_id, 'event_type', 'lead.created', 'lead_id', p_lead_id, 'user_id', p_user_id) || p_more
$$;
create function pg_temp.activity(p_event_id text, p_lead_id bigint, p_user_id bigint, p_more jsonb default '{}') returns jsonb language sql as $$
    select jsonb_build_object('event_id', p_event_id, 'event_type', 'lead.activity.created', 'lead_id', p_lead_id, 'user_id', p_user_id,
        'activity_type', 'QUALIFIED_CALL', 'occurred_at', '2025-02-01T09:00:00+01:00') || p_more
$$;
create function pg_temp.uuid(p_n integer) returns text language sql as
$$ select ('00000000-0000-4000-8000-' || lpad(p_n::text, 12, '0')) $$;

-- The first of this session, by which the functions are compiled.
set local standard_conforming_strings = off;
select is(handle_module_event(pg_temp.created(pg_temp.uuid(8), 7, 7, '{"created_at": "2025-01-10T08:00:00Z"}')), 'APPLIED', 'how a session spells strings changes nothing');
set local standard_conforming_strings = on;

-- lead.created
select is(handle_module_event(pg_temp.created(pg_temp.uuid(1), 1, 7, '{"created_at": "2025-01-10T08:00:00Z", "company_name": "Hotel Krone", "city": "Kiel", "contact_name": "Ada", "contact_email": "ada@example.org", "contact_phone": "+49 431 1"}')),
    'APPLIED', 'lead.created is applied');
select results_eq(
    $$select user_id, company_name, city, contact_name, contact_email, contact_phone, created_at from leads where id = 1$$,
    $$values (7::bigint, 'Hotel Krone', 'Kiel', 'Ada', 'ada@example.org', '+49 431 1', timestamptz '2025-01-10 09:00')$$,
    'the lead is registered with all that the event says'
);
select is((select protection_started_at from v_user_lead_protection where id = 1), timestamptz '2025-01-10 09:00', 'and protected');
select is(handle_module_event(pg_temp.created(pg_temp.uuid(1), 1, 7)), 'DUPLICATE', 'the same event again is a duplicate');
select is(handle_module_event(pg_temp.created(pg_temp.uuid(1), 2, 8)), 'DUPLICATE', 'the same event_id is a duplicate, whatever else it says');
select is_empty($$select * from leads where id = 2$$, 'and has no effect');
select is(handle_module_event(pg_temp.created(pg_temp.uuid(2), 1, 7, '{"company_name": "Other"}')), 'APPLIED', 'lead.created for a lead that exists is applied');
select is((select company_name from leads where id = 1), 'Hotel Krone', 'without effect');
select throws_ok($$select handle_module_event(pg_temp.created(pg_temp.uuid(3), 1, 8))$$, 'LP021', null, 'for another user it is refused');
select throws_ok($$select handle_module_event(pg_temp.created(pg_temp.uuid(3), 1, 8))$$, 'LP021', null, 'and refused again: what failed is not marked as applied');
select is(handle_module_event(pg_temp.created(pg_temp.uuid(4), 3, 7)), 'APPLIED', 'created_at is optional');
select is((select created_at from leads where id = 3), now(), 'and now by default');
select is(handle_module_event(pg_temp.created(pg_temp.uuid(5), 4, 7, '{"company_name": null, "created_at": null}')), 'APPLIED', 'a null member is an absent one');
select is(handle_module_event(pg_temp.created(pg_temp.uuid(6), 5, 7, '{"segment": "canteen", "specversion": "1.0", "nested": {"user_id": 8}}')), 'APPLIED', 'members that nobody knows are let pass');
select is(handle_module_event(pg_temp.created(upper(pg_temp.uuid(6)), 5, 7)), 'DUPLICATE', 'an event_id is the same however it is spelt');

select is(handle_module_event(pg_temp.created(pg_temp.uuid(7), 6, 7, '{"lead_id": 6.0, "created_at": "2025-01-10T08:00:00Z", "converted_at": "2025-02-10T08:00:00Z"}')), 'APPLIED', '6.0 is an integer');
select is((select state from v_user_lead_protection where id = 6), 'CONVERTED', 'a lead that is a customer already is registered as one');

-- lead.activity.created
select is(handle_module_event(pg_temp.activity(pg_temp.uuid(10), 1, 7)), 'APPLIED', 'lead.activity.created is applied');
select is((select reminder_due_at from lead_protection_at(1, '2025-02-02')), timestamptz '2025-04-02 09:00', 'and restarts the clock');
select is(handle_module_event(pg_temp.activity(pg_temp.uuid(10), 1, 7)), 'DUPLICATE', 'once');
select is((select count(*)::integer from lead_activities where lead_id = 1), 1, 'there is one activity');
select is(handle_module_event(pg_temp.activity(pg_temp.uuid(11), 1, 7, '{"activity_type": "EMAIL_SENT", "summary": "sent"}')), 'APPLIED', 'one of an unqualified type is applied');
select is((select summary from lead_activities where lead_id = 1 and activity_type = 'EMAIL_SENT'), 'sent', 'with its summary');

-- Refusals: schema violations.
select throws_ok(format('select handle_module_event(%L)', e.event), e.code, null, e.says)
  from (values
      (null::jsonb, 'LP017', 'no event'),
      ('[]', 'LP017', 'an array'),
      ('"x"', 'LP017', 'a string'),
      ('null', 'LP017', 'a JSON null'),
      ('{}', 'LP017', 'an empty object'),
      (pg_temp.created(pg_temp.uuid(20), 50, 7) - 'event_id', 'LP017', 'no event_id'),
      (pg_temp.created(pg_temp.uuid(20), 50, 7) - 'lead_id', 'LP017', 'no lead_id'),
      (pg_temp.created(pg_temp.uuid(20), 50, 7) - 'user_id', 'LP017', 'no user_id'),
      (pg_temp.created(pg_temp.uuid(20), 50, 7) - 'event_type', 'LP017', 'no event_type'),
      (pg_temp.created('not-a-uuid', 50, 7), 'LP017', 'an event_id that is no uuid'),
      (pg_temp.created('', 50, 7), 'LP017', 'an empty event_id'),
      (pg_temp.created(pg_temp.uuid(20), 50, 7) || '{"created_at": "2026-01-01T00:00:00+99:00"}', 'LP017', 'a moment in a zone that there is not'),
      (pg_temp.created(pg_temp.uuid(20), 50, 7, '{"event_id": 5}'), 'LP017', 'an event_id that is a number'),
      (pg_temp.created(pg_temp.uuid(20), 50, 7, '{"lead_id": "50"}'), 'LP017', 'a lead_id that is a string'),
      (pg_temp.created(pg_temp.uuid(20), 50, 7, '{"lead_id": 50.5}'), 'LP017', 'a lead_id with a fraction'),
      (pg_temp.created(pg_temp.uuid(20), 50, 7, '{"lead_id": 1e30}'), 'LP017', 'a lead_id beyond bigint'),
      (pg_temp.created(pg_temp.uuid(20), 50, 7, '{"user_id": true}'), 'LP017', 'a user_id that is a boolean'),
      (pg_temp.created(pg_temp.uuid(20), 50, 7, '{"company_name": 5}'), 'LP017', 'a company_name that is a number'),
      (pg_temp.created(pg_temp.uuid(20), 50, 7, '{"created_at": "yesterday noonish"}'), 'LP017', 'a created_at that is no timestamp'),
      (pg_temp.created(pg_temp.uuid(20), 50, 7, '{"created_at": "2025-02-30T00:00:00Z"}'), 'LP017', 'a created_at that no calendar has'),
      (pg_temp.created(pg_temp.uuid(20), 50, 7, '{"created_at": 1736496000}'), 'LP017', 'a created_at that is a number'),
      (pg_temp.created(pg_temp.uuid(20), 50, 7, '{"created_at": "infinity"}'), 'LP006', 'a created_at in eternity'),
      (pg_temp.created(pg_temp.uuid(20), 50, 7, '{"created_at": "1999-12-31T23:59:59Z"}'), 'LP006', 'a created_at of the last century'),
      (pg_temp.created(pg_temp.uuid(20), 50, 7, '{"event_type": "lead.deleted"}'), 'LP018', 'an unknown type'),
      (pg_temp.created(pg_temp.uuid(20), 50, 7, '{"event_type": "lead.protection.expired"}'), 'LP018', 'a type that only goes out'),
      (pg_temp.activity(pg_temp.uuid(20), 777, 7), 'LP001', 'an activity of an unknown lead'),
      (pg_temp.activity(pg_temp.uuid(20), 1, 7) - 'activity_type', 'LP017', 'an activity of no type'),
      (pg_temp.activity(pg_temp.uuid(20), 1, 7) - 'occurred_at', 'LP017', 'an activity of no moment'),
      (pg_temp.activity(pg_temp.uuid(20), 1, 7, '{"activity_type": "TELEPATHY"}'), 'LP008', 'an activity of an unknown type'),
      (pg_temp.activity(pg_temp.uuid(20), 1, 7, '{"occurred_at": "2099-01-01T00:00:00Z"}'), 'LP007', 'an activity of the future')
  ) as e (event, code, says);
select is_empty($$select * from leads where id = 50$$, 'what is refused leaves nothing behind');
select is(handle_module_event(pg_temp.created(pg_temp.uuid(20), 50, 7)), 'APPLIED', 'and its event_id may come again, put right');
select is(handle_module_event(pg_temp.created(pg_temp.uuid(21), 51, 7, jsonb_build_object('company_name', $x$'); drop table leads; --$x$))), 'APPLIED', 'a hostile name is data');
select is((select company_name from leads where id = 51), $x$'); drop table leads; --$x$, 'and kept as it is');

-- activate_lead_protection
insert into leads (id, user_id, created_at) values (60, 7, now() - interval '10 days');
create temp table seen as select coalesce(max(id), 0) as id from outbox;
select results_eq(
    $$select a.id, a.user_id, a.state, a.protection_started_at from activate_lead_protection(60, 7) as a$$,
    $$values (60::bigint, 7::bigint, 'PROTECTED', now() - interval '10 days')$$,
    'activating what the insert has activated answers with the protection'
);
select lives_ok($$select activate_lead_protection(lead_id => 60, user_id => 7)$$, 'as often as one likes');
select is((select count(*)::integer from lead_protection_periods where lead_id = 60), 1, 'there is one period');
select is_empty($$select * from outbox where id > (select id from seen)$$, 'and nothing to tell');
select throws_ok($$select activate_lead_protection(60, 8)$$, 'LP002', null, 'another user is refused');
select throws_ok($$select activate_lead_protection(777, 7)$$, 'LP001', null, 'an unknown lead is refused');

select * from finish();
rollback;
