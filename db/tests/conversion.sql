-- leads.converted_at ends the protection that ran at that moment; null again reopens it.
begin;
select plan(36);
set local time zone 'Europe/Berlin';
set local client_min_messages = warning;

insert into leads (id, user_id, created_at) values
    (1, 7, now() - interval '30 days'),
    (2, 7, '2025-01-10 09:00'),
    (3, 7, '2025-01-10 09:00'),
    (4, 7, now() - interval '61 days'),
    (5, 7, now() - interval '30 days'),
    (6, 7, now() - interval '30 days'),
    (7, 7, '2025-01-10 09:00');
insert into lead_holds (lead_id, user_id, reason, start_at) values (5, 7, 'open', now() - interval '240 hours');
insert into lead_reminders (lead_id, user_id, window_start, due_at, sent_at)
values (7, 7, '2025-03-11', '2025-03-11 09:00', '2025-03-11 09:30');
select is((select count(*)::integer from dispatch_due_reminders(100) where lead_id = 4), 1, 'a reminder is queued');
create temp table before_conversion as select id, to_jsonb(v) as was from v_user_lead_protection as v;
create temp table seen as select coalesce(max(id), 0) as id from outbox;

update leads set converted_at = now() - interval '1 day' where id = 1;
select results_eq(
    $$select state, protection_expires_at, days_remaining, end_reason, grace_ends_at from v_user_lead_protection where id = 1$$,
    $$values ('CONVERTED', null::timestamptz, null::numeric, 'CONVERTED', null::timestamptz)$$,
    'a converted lead has no expiry'
);
select results_eq(
    $$select ended_at, end_reason, recorded_at from lead_protection_periods where lead_id = 1$$,
    $$values (now() - interval '1 day', 'CONVERTED', null::timestamptz)$$,
    'its period ended at the conversion'
);
select results_eq(
    $$select state from lead_protection_at(1, now() - interval '2 days')$$, $$values ('PROTECTED')$$,
    'before the conversion it was protected'
);
select results_eq(
    $$select event_type, payload ->> 'reason', payload ->> 'current_state' from outbox where lead_id = 1 and id > (select id from seen) order by id$$,
    $$values ('lead.protection.ended', 'converted', 'EXPIRED')$$,
    'the end is told'
);
update leads set converted_at = null where id = 1;
select results_eq(
    $$select to_jsonb(v) from v_user_lead_protection as v where id = 1$$,
    $$select was from before_conversion where id = 1$$,
    'set back to null the same protection runs on as if nothing had been'
);
update leads set converted_at = now() where id = 1;
update leads set converted_at = now() - interval '3 days' where id = 1;
select is((select ended_at from lead_protection_periods where lead_id = 1), now() - interval '3 days', 'a corrected conversion moves the end');

-- After an expiry.
update leads set converted_at = '2025-09-01' where id = 2;
select results_eq(
    $$select state, end_reason, protection_expires_at from v_user_lead_protection where id = 2$$,
    $$values ('EXPIRED', 'BASE_TERM', timestamptz '2025-07-10 09:00')$$,
    'a lead that expired before its conversion stays expired'
);
select isnt((select recorded_at from lead_protection_periods where lead_id = 2), null, 'that expiry is recorded first');
update leads set converted_at = null where id = 2;
select is((select state from v_user_lead_protection where id = 2), 'EXPIRED', 'taking the conversion back revives nothing');
update leads set converted_at = '2025-03-01' where id = 3;
select is((select state from v_user_lead_protection where id = 3), 'CONVERTED', 'a conversion entered late, dated before the unrecorded expiry, counts');
update leads set converted_at = null where id = 3;
select results_eq(
    $$select to_jsonb(v) from v_user_lead_protection as v where id = 3$$,
    $$select was from before_conversion where id = 3$$,
    'taken back, the lead has run out as it would have'
);
update leads set converted_at = '2025-03-21 09:30' where id = 7;
select is((select end_reason from v_user_lead_protection where id = 7), 'INACTIVITY', 'a conversion at the very end of grace is too late');

-- Reminders and holds.
update leads set converted_at = now() where id = 4;
select is((select count(*)::integer from lead_reminders where lead_id = 4), 0, 'a queued reminder is withdrawn by the conversion');
select is((select count(*)::integer from dispatch_due_reminders(100) where lead_id = 4), 0, 'none is queued for a converted lead');
update leads set converted_at = now() where id = 5;
select results_eq($$select state, clock_stopped_since from v_user_lead_protection where id = 5$$, $$values ('CONVERTED', null::timestamptz)$$,
    'a lead converted while on hold is converted');
select throws_ok($$call create_lead_hold(5, 7, 'x')$$, 'LP003', null, 'no hold for a converted lead');
select throws_ok($$call extend_lead_protection(5, 7, '1 month', 'x')$$, 'LP003', null, 'no extension for a converted lead');
select throws_ok($$call reinstate_lead_protection(5, 7, 'x')$$, 'LP012', null, 'no reinstatement of a converted lead');
update leads set converted_at = null where id = 5;
select results_eq(
    $$select to_jsonb(v) from v_user_lead_protection as v where id = 5$$,
    $$select was from before_conversion where id = 5$$,
    'the hold counts again once the conversion is taken back'
);
insert into lead_activities (lead_id, user_id, activity_type, occurred_at) values (1, 7, 'QUALIFIED_CALL', now() - interval '1 day');
select is((select last_qualified_activity_at from v_user_lead_protection where id = 1), null, 'an activity after the conversion is not one of that period');
insert into lead_activities (lead_id, user_id, activity_type, occurred_at) values (1, 7, 'QUALIFIED_CALL', now() - interval '10 days');
select is((select last_qualified_activity_at from v_user_lead_protection where id = 1), now() - interval '10 days', 'one entered late but dated before it is');

-- Registered as converted.
insert into leads (id, user_id, created_at, converted_at) values (8, 7, now() - interval '30 days', now() - interval '1 day'), (9, 7, now(), now());
select results_eq($$select id, state from v_user_lead_protection where id in (8, 9) order by id$$, $$values (8::bigint, 'CONVERTED'), (9, 'CONVERTED')$$,
    'a lead registered as converted is converted');
select results_eq(
    $$select event_type from outbox where lead_id = 8 order by id$$,
    $$values ('lead.protection.activated'), ('lead.protection.ended')$$,
    'its protection started and ended'
);
update leads set user_id = 8 where id = 6;
update leads set converted_at = now() where id = 6;
select results_eq($$select user_id, end_reason from lead_protection_periods where lead_id = 6 order by id$$, $$values (7::bigint, 'TRANSFERRED'), (8, 'CONVERTED')$$,
    'handed over and converted, the new user''s period is the converted one');
insert into leads (id, user_id, created_at) values (10, 7, now() - interval '5 days');
update leads set user_id = 8, converted_at = now() where id = 10;
select results_eq($$select user_id, end_reason from lead_protection_periods where lead_id = 10 order by id$$, $$values (7::bigint, 'TRANSFERRED'), (8, 'CONVERTED')$$,
    'both in one statement as well');
insert into leads (id, user_id, created_at) values (12, 7, now() - interval '5 days');
update leads set converted_at = now() where id = 12;
update leads set user_id = 8 where id = 12;
select results_eq($$select user_id, end_reason from lead_protection_periods where lead_id = 12 order by id$$, $$values (7::bigint, 'CONVERTED'), (8, 'CONVERTED')$$,
    'or converted and then handed over at the same moment');
insert into leads (id, user_id, created_at, converted_at) values (13, 7, now() - interval '10 days', now() - interval '20 days');
select is((select state from v_user_lead_protection where id = 13), 'PROTECTED', 'a conversion before the start ends no period');
update leads set created_at = now() - interval '30 days' where id = 13;
select is((select state from v_user_lead_protection where id = 13), 'CONVERTED', 'one after the corrected start does');

-- Reminders of a protection that runs although its lead is converted.
insert into leads (id, user_id, created_at, converted_at) values (14, 7, now() - interval '70 days', now() - interval '80 days');
select is_empty('select * from dispatch_due_reminders(100) where lead_id = 14', 'converted before its start a lead is not reminded');
update leads set converted_at = null where id = 14;
select results_eq('select reminder_type from dispatch_due_reminders(100) where lead_id = 14', $$values ('INACTIVITY')$$, 'but as soon as that is taken back, though the sweep has been by');
update leads set converted_at = now() - interval '80 days' where id = 14;
select is_empty('select * from lead_reminders where lead_id = 14', 'what is queued is withdrawn when it is converted again');
select is((select state from v_user_lead_protection where id = 14), 'REMINDER_DUE', 'and its protection runs on');
select is_empty($$select * from verify_lead_protection() where lead_id <= 10 or lead_id between 12 and 14$$, 'what is stored is what the facts come to');

-- By what was known at the conversion a reminder sent early had ended it; since then an open hold has moved R past that reminder's window.
insert into leads (id, user_id, created_at) values (11, 7, '2025-01-10 09:00+01');
insert into lead_holds (lead_id, user_id, reason, start_at) values (11, 7, 'price list', '2025-03-10 09:00+01');
update leads set converted_at = '2025-03-11 10:00+01' where id = 11;
insert into lead_reminders (lead_id, user_id, window_start, due_at, sent_at) values (11, 7, '2025-03-12', '2025-03-12 09:00+01', '2025-01-15 09:00+01');
select results_eq('select state, protection_expires_at from v_user_lead_protection where id = 11', $$values ('CONVERTED', null::timestamptz)$$, 'a converted lead is not put under protection again by a reminder entered late');
select is_empty('select * from verify_lead_protection(11)', 'nor does what is stored contradict its conversion');

select * from finish();
rollback;
