-- UPDATE leads SET user_id hands a lead over: one protection ends, the other starts, all at one moment.
begin;
select plan(29);
set local time zone 'Europe/Berlin';

insert into leads (id, user_id, created_at) values
    (1, 7, now() - interval '30 days'),
    (2, 7, now() - interval '30 days'),
    (3, 7, '2025-01-10 09:00'),
    (4, 7, '2025-01-10 09:00'),
    (5, 7, now() - interval '61 days'),
    (6, 7, now() - interval '30 days');
insert into lead_holds (id, lead_id, user_id, reason, start_at, end_at) values
    (9000000000001, 2, 7, 'open', now() - interval '240 hours', null),
    (9000000000002, 2, 7, 'planned', now() - interval '240 hours', now() + interval '240 hours'),
    (9000000000003, 2, 7, 'over', now() - interval '480 hours', now() - interval '400 hours');
insert into lead_reminders (lead_id, user_id, window_start, due_at, sent_at)
values (4, 7, '2025-03-11', '2025-03-11 09:00', '2025-03-11 09:30');
select is((select count(*)::integer from dispatch_due_reminders(100) where lead_id = 5), 1, 'a reminder to the old user is queued');
create temp table seen as select coalesce(max(id), 0) as id from outbox;

update leads set user_id = 8 where id = 1;
select results_eq(
    $$select user_id, started_at, start_reason, ended_at, end_reason, recorded_at from lead_protection_periods where lead_id = 1 order by id$$,
    $$values (7::bigint, now() - interval '30 days', 'REGISTERED', now(), 'TRANSFERRED', null::timestamptz),
             (8, now(), 'TRANSFERRED', null, null, null)$$,
    'the old user''s period ends and the new user''s starts at the same instant'
);
select results_eq(
    $$select user_id, state, protection_started_at, base_expires_at, last_qualified_activity_at from v_user_lead_protection where id = 1$$,
    $$values (8::bigint, 'PROTECTED', now(), now() + interval '6 months', null::timestamptz)$$,
    'the new user has six months of his own'
);
select results_eq(
    $$select user_id, state from lead_protection_at(1, now() - interval '1 microsecond')$$,
    $$values (7::bigint, 'PROTECTED')$$,
    'a moment before, the lead was the old user''s'
);
select is((select count(*)::integer from lead_protection_at(1, now())), 1, 'never are there two owners');
select results_eq(
    $$select event_type, payload ->> 'user_id', payload -> 'metadata' ->> 'previousUserId', payload ->> 'current_state'
        from outbox where lead_id = 1 and id > (select id from seen) order by id$$,
    $$values ('lead.protection.transferred', '8', '7', 'PROTECTED')$$,
    'the transfer is told once'
);

update leads set user_id = 8 where id = 2;
select results_eq(
    $$select id, end_at from lead_holds where lead_id = 2 order by id$$,
    $$values (9000000000001::bigint, now()), (9000000000002, now()), (9000000000003, now() - interval '400 hours')$$,
    'every hold still running ends, planned ones too; one that was over stays'
);
select results_eq(
    $$select clock_stopped_since, base_expires_at from v_user_lead_protection where id = 2$$,
    $$values (null::timestamptz, now() + interval '6 months')$$,
    'the old user''s holds do not count for the new one'
);
select results_eq(
    $$select event_type from outbox where lead_id = 2 and id > (select id from seen) order by id$$,
    $$values ('lead.hold.released'), ('lead.hold.released'), ('lead.protection.transferred')$$,
    'their release is told before the transfer'
);

update leads set user_id = 8 where id in (3, 4);
select results_eq(
    $$select lead_id, user_id, ended_at, end_reason, recorded_at is not null from lead_protection_periods where lead_id in (3, 4) order by lead_id, id$$,
    $$values (3::bigint, 7::bigint, timestamptz '2025-07-10 09:00', 'BASE_TERM', true), (3, 8, null, null, false),
             (4, 7, '2025-03-21 09:30', 'INACTIVITY', true), (4, 8, null, null, false)$$,
    'an expiry already due is recorded first, with its own reason and moment'
);
select results_eq(
    $$select event_type, payload ->> 'reason', payload ->> 'user_id' from outbox where lead_id = 4 and id > (select id from seen) order by id$$,
    $$values ('lead.protection.expired', 'inactivity', '7'), ('lead.protection.transferred', null, '8')$$,
    'and told first, as the old user''s'
);
select results_eq(
    $$select user_id, state, end_reason, protection_expires_at from lead_protection_at(4, '2025-06-01')$$,
    $$values (7::bigint, 'EXPIRED', 'INACTIVITY', timestamptz '2025-03-21 09:30')$$,
    'between the two the lead was nobody''s: the last ended period answers'
);

update leads set user_id = 8 where id = 5;
select is((select count(*)::integer from lead_reminders where lead_id = 5), 0, 'a queued reminder to the old user is withdrawn');
select is((select count(*)::integer from outbox where lead_id = 5 and event_type = 'lead.protection.reminder'), 0, 'with its event');

-- Facts after the transfer.
insert into lead_activities (lead_id, user_id, activity_type, occurred_at) values
    (1, 7, 'QUALIFIED_CALL', now()),
    (1, 7, 'QUALIFIED_CALL', now() - interval '5 days');
select is((select last_qualified_activity_at from v_user_lead_protection where id = 1), null, 'the former user''s activities do not count for the new one');
select throws_ok($$call create_lead_hold(1, 7, 'x')$$, 'LP002', null, 'the former user cannot stop the clock');
select throws_ok($$insert into lead_holds (lead_id, user_id, reason, start_at, end_at) values (1, 7, 'x', now() - interval '10 days', now() - interval '5 days')$$,
    'LP002', null, 'nor can a hold be entered late for a user who no longer holds the protection');
select lives_ok($$call create_lead_hold(1, 8, 'x')$$, 'the new user can');

-- There and back.
update leads set user_id = 8 where id = 6;
update leads set user_id = 7 where id = 6;
select results_eq(
    $$select user_id, end_reason from lead_protection_periods where lead_id = 6 order by id$$,
    $$values (7::bigint, 'TRANSFERRED'), (8, 'TRANSFERRED'), (7, null)$$,
    'handed over and back in one transaction, the last one has it'
);
select is((select user_id from v_user_lead_protection where id = 6), 7::bigint, 'and the view says so');
select is((select protection_started_at from v_user_lead_protection where id = 6), now(), 'with a new protection, not the old one');
create temp table before_update as select count(*) as n from outbox;
update leads set user_id = 7, city = 'Kiel' where id = 6;
select is((select count(*) from outbox), (select n from before_update), 'an update that names the same user hands nothing over');
select is_empty($$select * from verify_lead_protection() where lead_id <= 6$$, 'what is stored is what the facts come to');

-- A transaction begun later has entered a fact: the hand-over, and the end of its hold, come after that.
insert into leads (id, user_id, created_at) values (90, 7, now() - interval '30 days');
insert into lead_holds (lead_id, user_id, reason, start_at) values (90, 7, 'open', now() - interval '2 days');
set local session_replication_role = replica;
update internal.lead_clocks set facts_entered_at = now() + interval '1 minute' where lead_id = 90;
set local session_replication_role = origin;
update leads set user_id = 8 where id = 90;
select is((select end_at from lead_holds where lead_id = 90), now() + interval '1 minute', 'a hold ends with the hand-over that ends it');
select results_eq('select event_type from outbox where lead_id = 90 order by id offset 2',
    $$values ('lead.hold.released'), ('lead.protection.transferred')$$, 'and its release is told, also where that is later than now()');

-- The same for a correction of a hold that such a transaction has released.
insert into leads (id, user_id, created_at) values (91, 7, now() - interval '30 days');
insert into lead_holds (lead_id, user_id, reason, start_at) values (91, 7, 'open', now() - interval '2 days');
set local session_replication_role = replica;
update lead_holds set end_at = now() + interval '1 minute' where lead_id = 91;
update internal.lead_clocks set facts_entered_at = now() + interval '1 minute' where lead_id = 91;
set local session_replication_role = origin;
update lead_holds set reason = 'corrected' where lead_id = 91;
select is((select count(*)::integer from outbox where lead_id = 91 and event_type = 'lead.hold.released'), 0, 'a reason corrected tells no release');

-- An end that was due is recorded as the facts have it that the same statement writes, whichever comes first.
insert into leads (id, user_id, created_at) select i, 7, now() - interval '7 months' from generate_series(92, 97) as i;
insert into lead_reminders (lead_id, user_id, window_start, due_at, sent_at)
select i, 7, (now() - interval '4 months')::date, now() - interval '4 months', now() - case when i < 94 then interval '12 days' else interval '4 months' end
  from generate_series(92, 97) as i;
with r as (update lead_reminders set sent_at = now() - interval '4 months' where lead_id = 92)
update leads set user_id = 8 where id = 92;
with l as (update leads set user_id = 8 where id = 93)
update lead_reminders set sent_at = now() - interval '4 months' where lead_id = 93;
\set saved 'insert into lead_activities (lead_id, user_id, activity_type, occurred_at) values'
with a as (:saved (94, 7, 'QUALIFIED_CALL', now() - interval '115 days') returning lead_id)
update leads set user_id = 8 where id = (select lead_id from a);
with l as (update leads set user_id = 8 where id = 95 returning id)
:saved ((select id from l), 7, 'QUALIFIED_CALL', now() - interval '115 days');
\set longer 'insert into lead_extensions (lead_id, user_id, extension, reason, granted_at) values'
with e as (:longer (96, 7, '2 months', 'x', now() - interval '5 months') returning lead_id),
     a as (:saved (96, 7, 'QUALIFIED_CALL', now() - interval '115 days') returning lead_id)
update leads set user_id = 8 where id = (select max(e.lead_id) from e cross join a);
with l as (update leads set user_id = 8 where id = 97 returning id),
     e as (:longer ((select id from l), 7, '2 months', 'x', now() - interval '5 months') returning lead_id)
:saved ((select lead_id from e), 7, 'QUALIFIED_CALL', now() - interval '115 days');
select results_eq(
    'select lead_id, end_reason from lead_protection_periods where lead_id between 92 and 97 and ended_at is not null order by lead_id',
    $$values (92::bigint, 'INACTIVITY'), (93, 'INACTIVITY'), (94, 'BASE_TERM'), (95, 'BASE_TERM'), (96, 'TRANSFERRED'), (97, 'TRANSFERRED')$$,
    'a hand-over judges by all that its statement says'
);
-- So is one that only they bring about.
insert into leads (id, user_id, created_at) select i, 7, now() - interval '75 days' from generate_series(98, 99) as i;
insert into lead_reminders (lead_id, user_id, window_start, due_at, sent_at)
select i, 7, (now() - interval '12 days')::date, now() - interval '12 days', now() - interval '8 days' from generate_series(98, 99) as i;
with r as (update lead_reminders set sent_at = now() - interval '12 days' where lead_id = 98 returning lead_id)
update leads set user_id = 8 where id = (select lead_id from r);
with l as (update leads set user_id = 8 where id = 99 returning id)
update lead_reminders set sent_at = now() - interval '12 days' where lead_id = (select id from l);
select results_eq(
    'select lead_id, end_reason from lead_protection_periods where lead_id in (98, 99) and ended_at is not null order by lead_id',
    $$values (98::bigint, 'INACTIVITY'), (99, 'INACTIVITY')$$, 'also of one that was in grace'
);
select is_empty('select * from verify_lead_protection() where lead_id between 92 and 99', 'and what is stored is what the facts come to');

select * from finish();
rollback;
