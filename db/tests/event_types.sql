-- Page 3: an event that does not match its type cannot enter the outbox. What a type is, is data.
begin;
select plan(76);
set local time zone 'Europe/Berlin';
set local client_min_messages = warning;

-- One good event of each type, to be bent below.
create temp table good as
select t.event_type,
       jsonb_build_object(
           'event_id', gen_random_uuid(), 'event_type', t.event_type, 'timestamp', '2026-01-10T08:00:00.123456Z',
           'lead_id', 4711, 'user_id', 7, 'reason', null, 'metadata', '{}'::jsonb
       ) || t.own as payload
  from (values
      ('lead.protection.activated', '{}'::jsonb), ('lead.protection.reinstated', '{}'),
      ('lead.protection.reminder', '{"reason": "10_day_expiry_reminder", "metadata": {"reminderType": "expiry", "daysRemaining": 10, "windowStart": "2026-01-10", "dueAt": "2026-01-10T08:00:00Z"}}'),
      ('lead.protection.reactivated', '{"metadata": {"previousState": "GRACE"}}'),
      ('lead.protection.expired', '{"reason": "inactivity", "current_state": "EXPIRED"}'), ('lead.protection.ended', '{"reason": "converted", "current_state": "EXPIRED"}'),
      ('lead.protection.extended', '{"metadata": {"extensionId": 1, "baseExpiresAt": "2026-08-10T08:00:00Z"}}'), ('lead.protection.transferred', '{"metadata": {"previousUserId": 8}}'),
      ('lead.hold.created', '{"metadata": {"holdId": 1, "startAt": "2026-01-10T08:00:00Z"}}'),
      ('lead.hold.released', '{"metadata": {"holdId": 1, "startAt": "2026-01-10T08:00:00Z", "endAt": "2026-01-11T08:00:00Z"}}'),
      ('sample.request.created', '{"sample_request_id": 5}'), ('sample.request.delivered', '{"sample_request_id": 5}'),
      ('sample.request.lost', '{"sample_request_id": 5}'), ('sample.request.failed', '{"sample_request_id": 5}'),
      ('event.catering.requested', '{"event_catering_request_id": 5}'), ('event.catering.sla_breached', '{"event_catering_request_id": 5, "lead_id": null, "user_id": null}'),
      ('event.catering.responded', '{"event_catering_request_id": 5, "metadata": {"responseSeconds": 12.5}}'),
      ('cost.per_lead.budget_exceeded', '{"lead_id": null, "user_id": null, "team": null, "time_window": "24h", "window_started_at": "2026-01-09T00:00:00Z", "cost_per_lead_eur": 26.5, "budget_eur": 25}')
  ) as t (event_type, own);
update good set payload = payload || '{"current_state": "PROTECTED", "protection_expires_at": "2026-07-10T07:00:00Z"}' || jsonb_strip_nulls(jsonb_build_object('current_state', payload -> 'current_state'))
 where event_type like 'lead.%';

-- The columns follow the payload unless told otherwise.
create function pg_temp.enter(p_payload jsonb, p_columns jsonb default '{}') returns void language sql as $$
    insert into public.outbox (event_id, event_type, lead_id, user_id, payload)
    select (c ->> 'event_id')::uuid, c ->> 'event_type', (c ->> 'lead_id')::bigint, (c ->> 'user_id')::bigint, p_payload::json
      from (values (p_payload || p_columns)) as x (c)
$$;
create function pg_temp.bent(p_event_type text, p_bend text) returns text language sql as $$
    select format('select pg_temp.enter(%L)', case
               when p_bend ~ '^-' then g.payload #- string_to_array(substr(p_bend, 2), '.')
               when p_bend ~ '^metadata' then jsonb_set(g.payload, '{metadata}', g.payload -> 'metadata' || substr(p_bend, 10)::jsonb)
               else g.payload || p_bend::jsonb
           end)
      from good as g where g.event_type = p_event_type
$$;

-- The types of page 3.
select results_eq(
    'select event_type from event_types where version = 1 and is_released order by event_type collate "C"',
    'select event_type from good order by event_type collate "C"',
    'the registry has the types of page 3, in version 1'
);
select is_empty('select event_type, version from event_types except select event_type, version from v_event_type_members', 'each has members');
select results_eq(
    $$select member from v_event_type_members where event_type = 'lead.protection.activated' order by position$$,
    $$values ('event_id'), ('event_type'), ('timestamp'), ('lead_id'), ('user_id'), ('current_state'), ('protection_expires_at'), ('reason'), ('metadata')$$,
    'a lead.* event has the members of page 3'
);
select results_eq(
    $$select member from v_event_type_members where event_type = 'sample.request.lost' and member !~ '[.]' order by position$$,
    $$values ('event_id'), ('event_type'), ('timestamp'), ('lead_id'), ('user_id'), ('sample_request_id'), ('reason'), ('metadata')$$,
    'other types have their own members in the place of the protection pair'
);
select lives_ok(format('select pg_temp.enter(%L)', payload), format('a %s enters', event_type)) from good order by event_type;
delete from outbox;

-- What does not match its type.
select throws_ok($$insert into outbox (event_id, event_type, payload) values (gen_random_uuid(), 'x', '{}')$$, 'LP026', null, 'the owner''s plain insert of an unknown type is refused');
select throws_ok($$insert into outbox (event_id, event_type, payload) values (gen_random_uuid(), null, '{}')$$, 'LP026', null, 'and of none');
select throws_ok(format($$insert into outbox (event_id, event_type, payload) values (gen_random_uuid(), 'lead.hold.created', %L)$$, p), 'LP027', null, format('%s is no event', p))
  from unnest(array['{}', '[]', '17', 'null', '"x"']) as p;
select throws_ok(pg_temp.bent(b.event_type, b.bend), 'LP027', null, format('a %s with %s is refused', b.event_type, b.bend))
  from (values
      ('lead.protection.activated', '-timestamp'), ('lead.protection.activated', '-reason'), ('lead.protection.activated', '-metadata'), ('lead.protection.activated', '-lead_id'),
      ('lead.protection.activated', '{"note": "x"}'), ('sample.request.lost', '{"current_state": "PROTECTED"}'), ('sample.request.lost', '-sample_request_id'),
      ('lead.protection.activated', '{"lead_id": "4711"}'), ('lead.protection.activated', '{"current_state": "GRACE"}'), ('lead.protection.activated', '{"protection_expires_at": null}'),
      ('lead.protection.activated', '{"timestamp": "2026-02-30T08:00:00Z"}'), ('lead.protection.activated', '{"timestamp": "2026-01-10T08:00:00+01:00"}'),
      ('lead.protection.activated', '{"timestamp": "2026-1-10T08:00:00Z"}'),
      ('lead.protection.activated', '{"timestamp": ["2026-01-10T08:00:00Z"]}'), ('lead.protection.activated', '{"metadata": []}'), ('lead.protection.activated', '{"reason": "Called twice."}'),
      ('lead.protection.expired', '{"reason": null}'), ('lead.protection.expired', '{"reason": "deleted"}'), ('lead.protection.reminder', 'metadata {"daysRemaining": 9.5}'),
      ('lead.protection.reminder', '-metadata.reminderType'), ('lead.protection.reminder', 'metadata {"windowStart": "2026-02-30"}'), ('lead.hold.released', 'metadata {"endAt": null}'),
      ('cost.per_lead.budget_exceeded', '{"time_window": "2d"}'), ('cost.per_lead.budget_exceeded', '{"team": 7}')
  ) as b (event_type, bend);
select throws_ok(format('select pg_temp.enter(%L, %L)', g.payload, c), 'LP027', null, format('a column with %s that differs from the payload is refused', c))
  from good as g
 cross join unnest(array['{"lead_id": 4712}', '{"user_id": null}', '{"event_id": "00000000-0000-4000-8000-000000000001"}', '{"event_type": "lead.protection.reinstated"}']) as c
 where g.event_type = 'lead.protection.activated';
select throws_ok(pg_temp.bent('lead.protection.activated', format('metadata {"note": "%s"}', repeat('x', 4096))), 'LP027', null, 'what is longer than its type allows is refused');
select lives_ok(pg_temp.bent('lead.protection.activated', 'metadata {"branch": 3}'), 'metadata is open for more keys');
select throws_ok($$update outbox set payload = '{}'$$, 'LP027', null, 'nor does an event in the outbox become one of another form');
delete from outbox;

-- Why, in the words of the error.
create function pg_temp.why(p_statement text) returns text language plpgsql as $$
declare v_detail text;
begin
    execute p_statement;
    return null;
exception when sqlstate 'LP027' then
    get stacked diagnostics v_detail = pg_exception_detail;
    return v_detail;
end
$$;
select is(
    pg_temp.why(pg_temp.bent('lead.protection.expired', '{"reason": "deleted", "lead_id": null, "timestamp": "today", "note": 1}')),
    'lead.protection.expired: note is no member; timestamp is "today", due is string, date-time; lead_id is null, due is integer; reason is "deleted", due is string, one of inactivity base_term.',
    'the error names each fault with what is due'
);

-- Adding a type is one row.
insert into event_types (event_type, description) values ('lead.protection.frozen', 'A court froze it.');
select results_eq(
    $$select member from v_event_type_members where event_type = 'lead.protection.frozen' order by position$$,
    $$select member from v_event_type_members where event_type = 'lead.protection.activated' order by position$$,
    'a new lead.* type has the members of lead.*'
);
select lives_ok($$select internal.write_event('lead.protection.frozen', now(), jsonb_populate_record(null::lead_protection, '{"lead_id": 1, "user_id": 7, "state": "GRACE", "protection_expires_at": "2026-01-10"}'), 'court_order')$$, 'and is written at once');

-- A new version: events of the former still pass, for replays.
insert into event_types (event_type, version, description) values ('lead.protection.frozen', 2, 'A court froze it.');
insert into event_type_members (scope, member, since_version, position, json_types, is_required, description) values
    ('lead.protection.frozen', 'court_id', 2, 80, '{integer}', true, 'Which.'), ('lead.protection.frozen', 'current_state', 2, 60, '{}', false, 'Gone.');
select lives_ok($$select internal.write_event('lead.protection.frozen', now(), jsonb_populate_record(null::lead_protection, '{"lead_id": 1, "user_id": 7, "state": "GRACE", "protection_expires_at": "2026-01-10"}'), null)$$,
    'an event of the former version passes');
update good set payload = payload - 'current_state' || '{"event_type": "lead.protection.frozen", "court_id": 3}' where event_type = 'lead.protection.activated';
select lives_ok(pg_temp.bent('lead.protection.activated', '{}'), 'one of the new version too');
select throws_ok(pg_temp.bent('lead.protection.activated', '{"current_state": "PROTECTED"}'), 'LP027', null, 'but not one of neither');

-- Events of other families.
delete from outbox;
select lives_ok($$select internal.write_module_event('sample.request.lost', '2026-01-10 08:00+00', 4711, 7, null, '{"sample_request_id": 5}', '{"urgency": "HIGH"}')$$, 'a module writes an event');
select is(
    (select regexp_replace(payload::text, '[0-9a-f-]{36}', 'ID') from outbox),
    '{ "event_id" : "ID", "event_type" : "sample.request.lost", "timestamp" : "2026-01-10T08:00:00.000000Z", "lead_id" : 4711, "user_id" : 7, "sample_request_id" : 5, "reason" : null, "metadata" : {"urgency": "HIGH"} }',
    'its members in the order of the event'
);
select throws_ok($$select internal.write_module_event('sample.request.lost', now(), 4711, 7, null, '{}')$$, 'LP027', null, 'the check has the last word there too');

-- A type that is taken from the registry.
insert into event_types (event_type, description) values ('sample.request.mislaid', 'For a while.');
select lives_ok($$select internal.write_module_event('sample.request.mislaid', now(), null, 7, null, '{"sample_request_id": 1}')$$, 'an event of a type that was added enters');
update event_types set max_bytes = 256 where event_type = 'sample.request.mislaid';
select throws_ok($$select internal.write_module_event('sample.request.mislaid', now(), null, 7, null, '{"sample_request_id": 1}', jsonb_build_object('urgency', repeat('x', 200)))$$,
    'LP027', null, 'unless it is longer than it may be by now');
delete from event_types where event_type = 'sample.request.mislaid';
select throws_ok($$select internal.write_module_event('sample.request.mislaid', now(), null, 7, null, '{"sample_request_id": 1}')$$, 'LP026', null, 'and none of it once it is gone');

-- A member that becomes another, by its values alone.
update event_type_members set allowed = '{inactivity}' where scope = 'lead.protection.expired' and member = 'reason';
insert into leads (id, user_id, created_at) values (4712, 7, now() - interval '7 months');
select throws_ok('select * from expire_due_protections()', 'LP027', null, 'a value that is taken from the registry is refused from then on');
update event_type_members set allowed = '{inactivity,base_term}' where scope = 'lead.protection.expired' and member = 'reason';
select isnt_empty('select * from expire_due_protections() where lead_id = 4712', 'and taken once it is there again');

-- What a person writes may be as long as it likes: events carry ids and codes.
insert into leads (id, user_id, company_name) values (1, 7, repeat('x', 1048576));
insert into lead_activities (lead_id, user_id, activity_type, summary) values (1, 7, 'QUALIFIED_CALL', repeat('x', 1048576));
select lives_ok($$call create_lead_hold(1, 7, repeat('x', 1048576))$$, 'a megabyte of free text does not refuse the writer');
select cmp_ok((select max(octet_length(payload::text)) from outbox where lead_id = 1), '<', 600, 'and its events are as short as ever');

select * from finish();
rollback;
