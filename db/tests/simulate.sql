-- "What if": simulate_lead_protection answers with the view's row if these facts existed, and changes nothing.
begin;
select plan(57);
set local time zone 'Europe/Berlin';

insert into leads (id, user_id, created_at) select i, 7, '2025-01-10 09:00' from generate_series(1, 10) as i;
insert into lead_activities (lead_id, user_id, activity_type, occurred_at) select i, 7, 'QUALIFIED_CALL', '2025-02-20 15:00' from generate_series(1, 6) as i;
create temp table before as
select (select count(*) from leads) as leads, (select count(*) from lead_activities) as activities, (select count(*) from lead_holds) as holds,
       (select count(*) from outbox) as outbox, (select jsonb_agg(to_jsonb(c) order by lead_id) from internal.lead_clocks as c) as clocks;
create function pg_temp.same(p_supposed public.lead_protection, p_real public.lead_protection) returns boolean language sql as
$$ select to_jsonb(p_supposed) - 'id' - 'lead_id' = to_jsonb(p_real) - 'id' - 'lead_id' $$;

select results_eq(
    $$select * from simulate_lead_protection(1, '{}', '2025-03-01')$$, $$select * from lead_protection_at(1, '2025-03-01')$$,
    'supposing nothing shows what is'
);
select results_eq(
    $$select * from simulate_lead_protection(1, '{"activities": [], "holds": []}')$$, $$select * from v_user_lead_protection where id = 1$$,
    'without a moment it is the view''s row now'
);
select results_eq(
    $$select state, reminder_due_at, last_qualified_activity_at from simulate_lead_protection(1, '{"activities": [{"occurred_at": "2025-03-10T09:00:00+01:00"}]}', '2025-03-11')$$,
    $$values ('PROTECTED', timestamptz '2025-05-09 09:00', timestamptz '2025-03-10 09:00')$$,
    'a supposed activity restarts the clock'
);
select results_eq(
    $$select reminder_due_at from simulate_lead_protection(1, '{"activities": [{"occurred_at": "2025-03-10T09:00:00+01:00", "activity_type": "EMAIL_SENT"}]}', '2025-03-11')$$,
    $$values (timestamptz '2025-04-21 15:00')$$,
    'one of an unqualified type does not'
);
select results_eq(
    $$select reminder_due_at from simulate_lead_protection(1, '{"activities": [{"occurred_at": "2025-03-12T09:00:00+01:00"}]}', '2025-03-11')$$,
    $$values (timestamptz '2025-04-21 15:00')$$,
    'one dated after the moment does not exist'
);
select is((select last_qualified_activity_at from simulate_lead_protection(1, '{"activities": [{"occurred_at": "2025-03-11T00:00:00+01:00"}]}', '2025-03-11')), timestamptz '2025-03-11',
    'one of the very moment does');
select results_eq(
    $$select reminder_due_at, base_expires_at from simulate_lead_protection(1, '{"holds": [{"start_at": "2025-03-02 08:00+01", "end_at": "2025-03-16 08:00+01"}]}', '2025-03-20')$$,
    $$values (timestamptz '2025-05-05 15:00', timestamptz '2025-07-24 09:00')$$,
    'a supposed hold moves both deadlines'
);
select results_eq(
    $$select reminder_due_at, clock_stopped_since, hold_until from simulate_lead_protection(1, '{"holds": [{"start_at": "2025-03-02 08:00+01"}]}', '2025-03-12 08:00')$$,
    $$values (timestamptz '2025-05-01 15:00', timestamptz '2025-03-02 08:00', null::timestamptz)$$,
    'an open one stops the clock'
);
select is(
    (select reminder_due_at from simulate_lead_protection(1, '{"holds": [{"start_at": "2025-03-02 08:00+01"}, {"start_at": "2025-03-02 08:00+01", "end_at": "2025-03-20 08:00+01"},
        {"start_at": "2025-03-02 08:00+01", "end_at": "2025-03-14 08:00+01"}]}', '2025-03-12 08:00')),
    timestamptz '2025-05-09 15:00', 'beside planned releases until the latest of them at least');
select results_eq(
    $$select state from simulate_lead_protection(1, '{"activities": [{"occurred_at": "2028-01-01"}]}', '2028-02-01')$$, $$values ('EXPIRED')$$,
    'a supposed activity in the future does not revive what will be over'
);
select results_eq(
    $$select state, base_expires_at from simulate_lead_protection(1, '{"holds": [{"start_at": "2025-07-01 09:00+02", "end_at": "2025-07-11 09:00+02"}]}', '2025-07-15')$$,
    $$values ('REMINDER_DUE', timestamptz '2025-07-20 09:00')$$,
    'what a hold in time would have done'
);
select is((select count(*)::integer from simulate_lead_protection(1, '{}', '2024-01-01')), 0, 'before the start there is no row');
select results_eq(
    $$select (select count(*) from leads), (select count(*) from lead_activities), (select count(*) from lead_holds), (select count(*) from outbox),
             (select jsonb_agg(to_jsonb(c) order by lead_id) from internal.lead_clocks as c)$$,
    'select * from before', 'nothing was changed'
);

-- The proof of the pudding: do it, and compare.
create temp table supposed as
select 2 as id, s as answer, d from generate_series(timestamptz '2025-01-20', '2025-08-20', '10 days') as d
 cross join lateral simulate_lead_protection(2, '{"activities": [{"occurred_at": "2025-04-10 09:00+02", "activity_type": "ROI_PRESENTATION"}, {"occurred_at": "2025-03-01 09:00+01"}],
    "holds": [{"start_at": "2025-02-01 09:00+01", "end_at": "2025-02-15 09:00+01"}, {"start_at": "2025-02-10 09:00+01",
    "end_at": "2025-02-20 09:00+01"}, {"start_at": "2025-05-01 09:00+02", "end_at": "2025-05-01 09:00+02"}]}', d) as s;
insert into lead_activities (lead_id, user_id, activity_type, occurred_at) values (2, 7, 'ROI_PRESENTATION', '2025-04-10 09:00+02'), (2, 7, 'QUALIFIED_CALL', '2025-03-01 09:00+01');
insert into lead_holds (lead_id, user_id, reason, start_at, end_at) values (2, 7, 'x', '2025-02-01 09:00+01', '2025-02-15 09:00+01'), (2, 7, 'x',
    '2025-02-10 09:00+01', '2025-02-20 09:00+01'), (2, 7, 'x', '2025-05-01 09:00+02', '2025-05-01 09:00+02');
select is_empty($$select s.d from supposed as s cross join lateral lead_protection_at(2, s.d) as p where not pg_temp.same(s.answer, p)$$, 'entered for real the facts come to what was supposed');
select isnt_empty('select * from supposed', 'and there was something to compare');

-- A recorded expiry is final in supposition too.
insert into lead_reminders (lead_id, user_id, window_start, due_at, sent_at) values (3, 7, '2025-04-21', '2025-04-21 15:00', '2025-04-21 16:00');
select is((select count(*)::integer from expire_due_protections(100) where lead_id = 3), 1, 'lead 3 has a recorded expiry');
select results_eq(
    $$select * from simulate_lead_protection(3, '{"activities": [{"occurred_at": "2025-04-25 09:00+02"}]}')$$, $$select * from v_user_lead_protection where id = 3$$,
    'a supposed activity inside a final period changes nothing'
);
select results_eq(
    $$select * from simulate_lead_protection(3, '{"holds": [{"start_at": "2025-03-01 09:00+01", "end_at": "2025-04-01 09:00+02"}]}')$$, $$select * from v_user_lead_protection where id = 3$$,
    'nor does a supposed hold'
);

-- Malformed.
select throws_ok(format('select * from simulate_lead_protection(1, %L)', f.facts), f.code, null, f.says)
  from (values
      (null, 'LP016', 'no facts at all'),
      ('[]', 'LP016', 'an array'),
      ('"x"', 'LP016', 'a string'),
      ('null', 'LP016', 'a JSON null'),
      ('{"activity": []}', 'LP016', 'an unknown member'),
      ('{"activities": {}}', 'LP016', 'activities that are no array'),
      ('{"holds": "x"}', 'LP016', 'holds that are no array'),
      ('{"activities": [5]}', 'LP016', 'an activity that is no object'),
      ('{"activities": [null]}', 'LP016', 'an activity that is null'),
      ('{"activities": [{}]}', 'LP016', 'an activity without a moment'),
      ('{"activities": [{"occurred_at": null}]}', 'LP016', 'an activity of a null moment'),
      ('{"activities": [{"occurred_at": "soonish"}]}', 'LP016', 'a moment that is none'),
      ('{"activities": [{"occurred_at": "2025-13-01"}]}', 'LP016', 'a moment that no calendar has'),
      ('{"activities": [{"occurred_at": "2025-03-01 00:00 Mars/Olympus"}]}', 'LP016', 'a moment in an unknown zone'),
      ('{"activities": [{"occurred_at": "infinity"}]}', 'LP006', 'an eternal moment'),
      ('{"activities": [{"occurred_at": "1999-01-01"}]}', 'LP006', 'a moment of the last century'),
      ('{"activities": [{"occurred_at": "2025-03-01", "activity_type": "TELEPATHY"}]}', 'LP008', 'an unknown type'),
      ('{"activities": [{"occurred_at": "2025-03-01", "user_id": "7"}]}', 'LP016', 'a user in quotes'),
      ('{"activities": [{"occurred_at": "2025-03-01", "user_id": 7.5}]}', 'LP016', 'half a user'),
      ('{"activities": [{"occurred_at": "2025-03-01", "lead_id": 2}]}', 'LP016', 'an activity of another lead'),
      ('{"activities": [{"occurred_at": "2025-03-01", "lead_id": "1"}]}', 'LP016', 'a lead in quotes'),
      ('{"activities": [{"occurred_at": "2025-03-01", "lead_id": [1]}]}', 'LP016', 'a list of leads'),
      ('{"activities": [{"occurred_at": "2025-03-01", "lead_id": [null]}]}', 'LP016', 'a list of none'),
      ('{"holds": [{"end_at": "2025-03-01"}]}', 'LP016', 'a hold without a start'),
      ('{"holds": [{"start_at": "2025-03-01", "user_id": {"id": 7}}]}', 'LP016', 'a user that is an object'),
      ('{"holds": [{"start_at": "2025-03-01", "lead_id": 2}]}', 'LP016', 'a hold of another lead'),
      ('{"holds": [{"start_at": "2025-03-01", "reason": " "}]}', 'LP004', 'a hold for no reason'),
      ('{"holds": [{"start_at": "2025-03-02", "end_at": "2025-03-01"}]}', 'LP005', 'a hold that ends before it starts'),
      ('{"holds": [{"start_at": "-infinity"}]}', 'LP006', 'a hold since ever'),
      ('{"holds": [{"start_at": "2025-03-01", "end_at": "infinity"}]}', 'LP006', 'a hold for ever')
  ) as f (facts, code, says);
select throws_ok($$select * from simulate_lead_protection(777, '{}')$$, 'LP001', null, 'an unknown lead');
select throws_ok($$select * from simulate_lead_protection(1, '{}', 'infinity')$$, 'LP006', null, 'an eternal at');
select results_eq(
    $$select reminder_due_at from simulate_lead_protection(1, '{"activities": [{"occurred_at": "2025-03-10T09:00:00+01:00", "lead_id": 1, "user_id": 7.0}]}', '2025-03-11')$$,
    $$select reminder_due_at from simulate_lead_protection(1, '{"activities": [{"occurred_at": "2025-03-10T09:00:00+01:00", "lead_id": null, "user_id": null}]}', '2025-03-11')$$,
    'a fact may name the lead and its user'
);
select lives_ok($$select * from simulate_lead_protection(lead_id => 1, facts => '{}', at => now())$$, 'all parameters are taken by name');

-- JSON knows no moments, only texts: how one is read is a matter of the policy, never of the session.
insert into leads (id, user_id, created_at) values (20, 7, '2025-01-10 09:00');
set local time zone 'Asia/Tokyo';
set local datestyle = 'SQL, DMY';
select is(
    (select reminder_due_at from simulate_lead_protection(20, '{"activities": [{"occurred_at": "2025-03-10T09:00:00"}]}', '2025-03-11 00:00+01')),
    timestamptz '2025-05-09 09:00 Europe/Berlin', 'a time without an offset is one of the policy''s zone'
);
select is(
    (select hold_until from simulate_lead_protection(20, '{"holds": [{"start_at": "2025-03-10", "end_at": "2025-03-16"}]}', '2025-03-11 00:00+01')),
    timestamptz '2025-03-16 00:00 Europe/Berlin', 'and a day begins there'
);
select throws_ok($$select * from simulate_lead_protection(20, '{"activities": [{"occurred_at": "03/04/2025"}]}')$$, 'LP016', null, 'a day that depends on the reader');
select is(current_setting('timezone') || ', ' || current_setting('datestyle'), 'Asia/Tokyo, SQL, DMY', 'the session keeps its own');

select throws_ok($$select * from simulate_lead_protection(1, '{"activities": [{"occurred_at": "2025-03-10T09:00:00+99:00"}]}')$$, 'LP016', null, 'a moment in a zone that there is not');

select * from finish();
rollback;
