-- Activities: record_qualified_activity, plain inserts, and what they do to a running grace.
begin;
select plan(42);
set local time zone 'Europe/Berlin';

insert into leads (id, user_id, created_at) select i, 7, now() - interval '30 days' from generate_series(1, 10) as i;
insert into leads (id, user_id, created_at) select i, 7, now() - interval '65 days' from generate_series(11, 20) as i;

create temp table recorded as select record_qualified_activity(1, 7) as id;
select results_eq(
    'select id from recorded', 'select id from lead_activities where lead_id = 1',
    'record_qualified_activity returns the new activity''s id'
);
select results_eq(
    $$select user_id, activity_type, occurred_at from lead_activities where lead_id = 1$$,
    $$values (7::bigint, 'QUALIFIED_CALL', now())$$,
    'by default it is a qualified call, now'
);
select results_eq(
    $$select last_qualified_activity_at, reminder_due_at from v_user_lead_protection where id = 1$$,
    $$select now(), now() + interval '60 days'$$,
    'the 60 days restart'
);
select isnt(record_qualified_activity(lead_id => 2, user_id => 7, activity_type => 'SAMPLE_FEEDBACK', occurred_at => now() - interval '2 days'), null, 'type and moment are taken by name');
select is((select last_qualified_activity_at from v_user_lead_protection where id = 2), now() - interval '2 days', 'and count');
select isnt(record_qualified_activity(2, 8, 'CUSTOMER_REACTION'), null, 'another user''s activity is recorded');
select is((select last_qualified_activity_at from v_user_lead_protection where id = 2), now() - interval '2 days', 'but does not count');
select throws_ok($$select record_qualified_activity(1, 7, 'EMAIL_SENT')$$, 'LP009', null, 'a type that is known but not qualified is refused');
select throws_ok($$select record_qualified_activity(1, 7, 'TELEPATHY')$$, 'LP008', null, 'an unknown type is refused');
select throws_ok($$select record_qualified_activity(1, 7, null)$$, 'LP008', null, 'no type is refused');
select throws_ok($$select record_qualified_activity(777, 7)$$, 'LP001', null, 'an unknown lead is refused');
select throws_ok($$select record_qualified_activity(1, 7, 'QUALIFIED_CALL', now() + interval '6 minutes')$$, 'LP007', null, 'a moment in the future is refused');
select throws_ok($$select record_qualified_activity(1, 7, 'QUALIFIED_CALL', 'infinity')$$, 'LP006', null, 'eternity is refused');
select throws_ok($$select record_qualified_activity(1, 7, 'QUALIFIED_CALL', '1999-12-31 23:59:59+00')$$, 'LP006', null, 'the last century is refused');
select throws_ok(
    $$insert into lead_activities (lead_id, user_id, activity_type, created_at) values (1, 7, 'QUALIFIED_CALL', '1999-12-31 23:59:59+00')$$,
    'LP006', null, 'a plain insert: entered in the last century'
);
select throws_ok(
    $$insert into lead_activities (lead_id, user_id, activity_type, created_at) values (1, 7, 'QUALIFIED_CALL', now()), (2, 7, 'QUALIFIED_CALL', '-infinity')$$,
    'LP006', null, 'one of two rows entered before time refuses both'
);
select throws_ok(
    $$insert into lead_activities (lead_id, user_id, activity_type, occurred_at) values (1, 7, 'QUALIFIED_CALL', now()), (777, 7, 'TELEPATHY', '-infinity')$$,
    'LP006', null, 'a moment before time is told first, before an unknown lead and type'
);
select throws_ok($$insert into lead_activities (lead_id, user_id, activity_type) values (1, 7, 'qualified_call')$$, 'LP008', null, 'types are spelled as listed');
select throws_ok($$insert into lead_activities (lead_id, user_id, activity_type) values (777, 7, 'QUALIFIED_CALL')$$, 'LP001', null, 'a plain insert: unknown lead');
select throws_ok($$insert into lead_activities (lead_id, user_id, activity_type) values (1, null, 'QUALIFIED_CALL')$$, '23502', null, 'a plain insert: no user');
select throws_ok($$update lead_activities set activity_type = 'TELEPATHY' where lead_id = 1$$, 'LP008', null, 'an update to an unknown type');
select throws_ok($$update lead_activities set lead_id = 777 where lead_id = 1$$, 'LP001', null, 'an update to an unknown lead');
select throws_ok($$update lead_activities set occurred_at = now() + interval '1 day' where lead_id = 1$$, 'LP007', null, 'an update to the future');
insert into lead_activities (lead_id, user_id, activity_type, occurred_at) values (3, 7, 'QUALIFIED_CALL', now() + interval '5 minutes');
select is((select occurred_at from lead_activities where lead_id = 3), now(), 'five minutes ahead is clock skew: set to now');
select throws_ok(
    $$insert into lead_activities (lead_id, user_id, activity_type) values (4, 7, 'QUALIFIED_CALL'), (4, 7, 'TELEPATHY')$$, 'LP008', null,
    'one unknown type refuses the whole statement'
);
select is((select last_qualified_activity_at from v_user_lead_protection where id = 4), null, 'and nothing of it stays');
insert into lead_activities (lead_id, user_id, activity_type) values (5, 7, 'EMAIL_SENT'), (5, 7, 'MARKETING_TOUCH'), (5, 7, 'SYSTEM_NOTE');
select is((select last_qualified_activity_at from v_user_lead_protection where id = 5), null, 'unqualified types are recorded and do not count');

-- Reactivation is told once, and only where something was due.
create temp table seen as select coalesce(max(id), 0) as id from outbox;
create function pg_temp.events(p_lead_id bigint) returns setof text language sql as
$$ select event_type from public.outbox where lead_id = p_lead_id and id > (select id from seen) order by id $$;
insert into lead_activities (lead_id, user_id, activity_type) values (6, 7, 'QUALIFIED_CALL');
select is_empty($$select pg_temp.events(6)$$, 'an activity on a protected lead tells nobody');
insert into lead_activities (lead_id, user_id, activity_type) values (11, 7, 'QUALIFIED_CALL');
select results_eq($$select pg_temp.events(11)$$, $$values ('lead.protection.reactivated')$$, 'one on a lead whose reminder is due reactivates it');
insert into lead_reminders (lead_id, user_id, window_start, due_at, sent_at)
select i, 7, (reminder_due_at at time zone 'Europe/Berlin')::date, reminder_due_at, now() - interval '2 days' from v_user_lead_protection as v join generate_series(12, 15) as i on v.id = i;
select is((select state from v_user_lead_protection where id = 12), 'GRACE', 'lead 12 is in grace');
insert into lead_activities (lead_id, user_id, activity_type) values (12, 7, 'QUALIFIED_CALL');
select results_eq(
    $$select event_type, payload ->> 'current_state', (payload ->> 'protection_expires_at')::timestamptz, payload -> 'metadata' ->> 'previousState'
        from outbox where lead_id = 12 and id > (select id from seen)$$,
    $$select 'lead.protection.reactivated', 'PROTECTED', (select protection_expires_at from v_user_lead_protection where id = 12), 'GRACE'$$,
    'one in grace reactivates it'
);
insert into lead_activities (lead_id, user_id, activity_type) values (12, 7, 'QUALIFIED_CALL');
select is((select count(*)::integer from pg_temp.events(12)), 1, 'the next one tells nothing more');
insert into lead_activities (lead_id, user_id, activity_type) values (14, 8, 'QUALIFIED_CALL'), (14, 7, 'EMAIL_SENT');
select is_empty($$select pg_temp.events(14)$$, 'what does not count reactivates nothing');
select is((select state from v_user_lead_protection where id = 14), 'GRACE', 'and leaves grace running');
insert into lead_activities (lead_id, user_id, activity_type)
select i, 7, 'QUALIFIED_CALL' from generate_series(15, 18) as i cross join generate_series(1, 3);
select results_eq(
    $$select lead_id from outbox where event_type = 'lead.protection.reactivated' and lead_id between 15 and 18 order by id$$,
    $$values (15::bigint), (16), (17), (18)$$,
    'three activities on each of four leads in one statement reactivate each once, in order of the leads'
);
-- What a developer lets PL/pgSQL be strict about, for his session or for the database.
set local plpgsql.extra_errors = 'all';
select lives_ok(
    $$insert into lead_activities (lead_id, user_id, activity_type) select i, 7, 'QUALIFIED_CALL' from generate_series(15, 18) as i$$,
    'many in one statement also where PL/pgSQL takes more than one row for an error'
);
reset plpgsql.extra_errors;
select is_empty($$select * from verify_lead_protection() where lead_id <= 20$$, 'what is stored is what the facts come to');

-- At t = R the reminder is due, at t = B protection is over: an activity of that very moment finds it so.
insert into protection_policies (policy, base_term, activity_interval, valid_from) values ('due now', '6 months', '240 hours', '2020-01-01'), ('over now', '240 hours', '60 days', '2020-01-01');
insert into sales_users (user_id, policy) values (21, 'due now'), (22, 'over now');
insert into leads (id, user_id, created_at) select i, i, now() - interval '240 hours' from generate_series(21, 22) as i;
insert into lead_activities (lead_id, user_id, activity_type) select i, i, 'QUALIFIED_CALL' from generate_series(21, 22) as i;
select results_eq($$select pg_temp.events(21)$$, $$values ('lead.protection.activated'), ('lead.protection.reactivated')$$, 'at R it answers a due reminder');
select results_eq(
    $$select state, last_qualified_activity_at, protection_expires_at from v_user_lead_protection where id = 22$$, $$values ('EXPIRED', null::timestamptz, now())$$,
    'at B it comes too late'
);
select is((select payload ->> 'current_state' from outbox where lead_id = 22 and event_type = 'lead.protection.activated'), 'EXPIRED', 'as was told when it was registered');

-- Each clock restarts by its own contract.
insert into leads (id, user_id, created_at) select i, case i when 26 then 21 else 7 end, now() - interval '1 hour' from generate_series(26, 29) as i;
update leads set user_id = 21 where id = 28;
select record_qualified_activity(26, 21), record_qualified_activity(27, 7);
insert into lead_activities (lead_id, user_id, activity_type) values (28, 21, 'QUALIFIED_CALL'), (29, 7, 'QUALIFIED_CALL');
select results_eq('select extract(epoch from reminder_due_at - now()) = 240 * 3600 from v_user_lead_protection where id between 26 and 29 order by id', 'values (true), (false), (true), (false)',
    'alone and with others');

-- Of one statement's leads each gets its own activities, and no other's.
insert into leads (id, user_id, created_at) select i, 7, now() - interval '1 day' from generate_series(23, 25) as i;
insert into lead_activities (lead_id, user_id, activity_type) values (23, 7, 'EMAIL_SENT'), (24, 7, 'QUALIFIED_CALL'), (24, 7, 'QUALIFIED_CALL'), (25, 7, 'QUALIFIED_CALL');
select results_eq('select qualified_activities from internal.lead_clocks where lead_id between 23 and 25 order by lead_id', 'values (0), (2), (1)', 'each lead''s are counted');

select * from finish();
rollback;
