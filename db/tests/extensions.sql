-- extend_lead_protection: the base term grows, for a reason.
begin;
select plan(48);
set local time zone 'Europe/Berlin';

create function pg_temp.from_start(p_interval interval) returns timestamptz language sql as
$$ select timezone('Europe/Berlin', timezone('Europe/Berlin', now() - interval '20 days') + p_interval) $$;

insert into leads (id, user_id, created_at) select i, 7, now() - interval '20 days' from generate_series(1, 12) as i;
insert into leads (id, user_id, created_at) values (20, 7, '2025-01-10 09:00'), (21, 7, '2025-01-10 09:00');
insert into lead_activities (lead_id, user_id, activity_type, occurred_at) values (1, 7, 'QUALIFIED_CALL', now() - interval '1 day');
create temp table seen as select coalesce(max(id), 0) as id from outbox;

call extend_lead_protection(1, 7, '1 month', 'tender was postponed', 99);
select results_eq(
    $$select user_id, extension, reason, granted_by, granted_at from lead_extensions where lead_id = 1$$,
    $$values (7::bigint, interval '1 month', 'tender was postponed', 99::bigint, now())$$,
    'the extension is kept with its reason, actor and moment'
);
select results_eq(
    $$select base_expires_at, reminder_due_at, grace_ends_at from v_user_lead_protection where id = 1$$,
    $$select pg_temp.from_start('7 months'), now() - interval '1 day' + interval '60 days', now() - interval '1 day' + interval '70 days'$$,
    'the base term grows, the activity clock does not'
);
call extend_lead_protection(lead_id => 1, user_id => 7, extension => '1 month', reason => 'and again');
select is((select base_expires_at from v_user_lead_protection where id = 1), pg_temp.from_start('8 months'), 'extensions are summed');
select results_eq(
    $$select event_type, (payload ->> 'protection_expires_at')::timestamptz, payload -> 'reason' #>> '{}' from outbox where lead_id = 1 and id > (select id from seen) order by id$$,
    $$select 'lead.protection.extended', least(b, now() - interval '1 day' + interval '70 days'), null
        from unnest(array[pg_temp.from_start('7 months'), pg_temp.from_start('8 months')]) as b$$,
    'each is told, with the expiry as it then was and without the free text'
);
call extend_lead_protection(2, 7, '3 days 4 hours', 'x');
select is((select base_expires_at from v_user_lead_protection where id = 2), pg_temp.from_start('6 months 3 days 4 hours'), 'days and time are taken');
call extend_lead_protection(3, 7, '0.5 seconds', 'x');
select is((select base_expires_at from v_user_lead_protection where id = 3), pg_temp.from_start('6 months 0.5 seconds'), 'half a second is a positive extension');
call extend_lead_protection(12, 7, '0 days 36 hours', 'x');
select is((select base_expires_at from v_user_lead_protection where id = 12), pg_temp.from_start('6 months 36 hours'), '36 hours');

select throws_ok($$call extend_lead_protection(4, 7, '0', 'x')$$, 'LP010', null, 'nothing is no extension');
select throws_ok($$call extend_lead_protection(4, 7, '-1 day', 'x')$$, 'LP010', null, 'a negative one');
select throws_ok($$call extend_lead_protection(4, 7, '1 month -1 day', 'x')$$, 'LP010', null, 'negative days beside positive months');
select throws_ok($$call extend_lead_protection(4, 7, '-1 month 60 days', 'x')$$, 'LP010', null, 'negative months beside more days');
select throws_ok($$call extend_lead_protection(4, 7, '1 day -1 hour', 'x')$$, 'LP010', null, 'negative time beside positive days');
select throws_ok($$call extend_lead_protection(4, 7, '1 month -0.000001 seconds', 'x')$$, 'LP010', null, 'a microsecond below zero');
select throws_ok($$call extend_lead_protection(4, 7, null, 'x')$$, 'LP010', null, 'none at all');
select throws_ok($$call extend_lead_protection(4, 7, '5000 years', 'x')$$, 'LP010', null, 'an absurd one');
select throws_ok($$call extend_lead_protection(4, 7, '178000000 years', 'x')$$, 'LP010', null, 'one that no timestamp could take');
select throws_ok($$call extend_lead_protection(4, 7, '50 years 1 second', 'x')$$, 'LP010', null, 'more than fifty years at once');
select lives_ok($$call extend_lead_protection(9, 7, '50 years', 'x')$$, 'though not fifty');
select throws_ok($$call extend_lead_protection(4, 7, '50 years', 'x'); call extend_lead_protection(4, 7, '50 years', 'x')$$, 'LP010', null, 'many that come to an absurd one');
select throws_ok($$call extend_lead_protection(4, 7, '1 month', E'\t ')$$, 'LP004', null, 'a blank reason');
select throws_ok($$call extend_lead_protection(4, 7, '1 month', null)$$, 'LP004', null, 'no reason');
select throws_ok($$call extend_lead_protection(4, 8, '1 month', 'x')$$, 'LP002', null, 'another user''s lead');
select throws_ok($$call extend_lead_protection(777, 7, '1 month', 'x')$$, 'LP001', null, 'an unknown lead');
select throws_ok($$call extend_lead_protection(20, 7, '1 month', 'x')$$, 'LP003', null, 'a protection that is over, though not recorded');
select is((select count(*)::integer from lead_extensions where lead_id = 4), 0, 'what is refused leaves nothing behind');
insert into lead_extensions (lead_id, user_id, extension, reason, granted_at) values (21, 7, '30 years', 'granted in time, entered late', '2025-07-01');
select is((select state from v_user_lead_protection where id = 21), 'REMINDER_DUE', 'one granted in time and entered late counts until the expiry is recorded');
select throws_ok($$insert into lead_extensions (lead_id, user_id, extension, reason, granted_at) values (5, 7, '1 month', 'x', now() + interval '1 day')$$, 'LP007', null, 'one of a future date');
select throws_ok($$insert into lead_extensions (lead_id, user_id, extension, reason, granted_at) values (5, 7, '1 month', 'x', '-infinity')$$, 'LP006', null, 'one of no date');
insert into lead_extensions (lead_id, user_id, extension, reason, granted_at) values (7, 7, '45 years', 'x', now() - interval '30 days');
select throws_ok($$insert into lead_extensions (lead_id, user_id, extension, reason, granted_at) values (7, 7, '45 years', 'x', now() - interval '30 days')$$, 'LP010', null, 'several from before the start, which count when that is corrected');
update leads set created_at = now() - interval '40 days' where id = 7;
select is((select base_expires_at < '2101-01-01' from v_user_lead_protection where id = 7), true, 'a corrected start brings none past 2100');
update leads set user_id = 8 where id = 2;
select is((select base_expires_at from v_user_lead_protection where id = 2), now() + interval '6 months', 'after a transfer the former user''s extensions do not count');
insert into lead_holds (lead_id, user_id, reason, start_at) values (6, 7, 'x', now() - interval '10 hours');
call extend_lead_protection(6, 7, '1 month', 'on hold');
select is((select base_expires_at from v_user_lead_protection where id = 6), pg_temp.from_start('7 months') + interval '10 hours', 'a lead on hold is extended too');
insert into leads (id, user_id) values (86, 7);
call extend_lead_protection(86, 7, '1 month', 'granted as it was registered');
select is((select base_expires_at from v_user_lead_protection where id = 86), timezone('Europe/Berlin', timezone('Europe/Berlin', now()) + interval '7 months'), 'one of the very start counts');

-- The term reminder follows.
insert into leads (id, user_id, created_at) values (30, 7, now() - interval '6 months' + interval '5 days');
insert into lead_activities (lead_id, user_id, activity_type, occurred_at) values (30, 7, 'QUALIFIED_CALL', now() - interval '1 day');
select is((select reminder_type from dispatch_due_reminders(100) where lead_id = 30), 'TERM', 'five days before B the term reminder is queued');
call extend_lead_protection(30, 7, '1 month', 'x');
select is((select count(*)::integer from lead_reminders where lead_id = 30), 0, 'an extension withdraws it');
select is_empty($$select * from verify_lead_protection() where lead_id <= 30$$, 'what is stored is what the facts come to');

-- 30 days equal a month where intervals are compared, and are another term.
insert into leads (id, user_id, created_at) values (80, 7, '2025-01-10 09:00'), (81, 7, now() - interval '20 days');
insert into lead_extensions (lead_id, user_id, extension, reason, granted_at) values (80, 7, '1 month', 'x', '2025-02-10'), (81, 7, '1 month', 'x', now());
update lead_extensions set extension = '30 days' where lead_id = 81;
select is_empty('select * from verify_lead_protection(81)', 'a month corrected to 30 days is another extension');
select is((select count(*)::integer from expire_due_protections() where lead_id = 80), 1, 'an expiry is recorded');
select throws_ok($$update lead_extensions set extension = '30 days' where lead_id = 80$$, 'LP014', null, 'and no such correction changes it');

-- One that keeps a protection running could be dated after the end that would have come without it.
insert into leads (id, user_id, created_at) values (82, 7, now() - interval '7 months');
insert into lead_extensions (lead_id, user_id, extension, reason, granted_at) values (82, 7, '2 months', 'x', now() - interval '2 months');
select throws_ok($$update lead_extensions set granted_at = now() - interval '5 days' where lead_id = 82$$, 'LP003', null, 'an extension is no reason for itself');
update lead_extensions set granted_at = now() - interval '40 days', extension = '3 months' where lead_id = 82;
select is((select base_expires_at > now() + interval '50 days' from v_user_lead_protection where id = 82), true, 'one that stays before that end may be corrected');

-- What an extension keeps running at its own moment may be held from that moment on.
insert into leads (id, user_id, created_at) values (83, 7, now() - interval '25 days' - interval '6 months');
insert into lead_holds (id, lead_id, user_id, reason, start_at) values (8300, 83, 7, 'x', now() - interval '4 months');
insert into lead_extensions (lead_id, user_id, extension, reason, granted_at) values (83, 7, '10 days', 'x', now() - interval '20 days');
delete from lead_holds where id = 8300;
select lives_ok($$insert into lead_holds (lead_id, user_id, reason, start_at) values (83, 7, 'x', now() - interval '20 days')$$,
    'a hold from the moment of the extension that it needs');

-- Of two that were granted while a hold kept it running, neither counts once that hold is corrected away: the second
-- came after the end, and so, without it, did the first.
insert into leads (id, user_id, created_at) values (84, 7, '2025-01-10 09:00 Europe/Berlin');
insert into lead_holds (id, lead_id, user_id, reason, start_at, end_at) values (8400, 84, 7, 'x', '2025-01-12', '2025-12-01');
insert into lead_extensions (lead_id, user_id, extension, reason, granted_at) values (84, 7, '1 month', 'x', '2025-08-20'), (84, 7, '25 days', 'x', '2025-10-01');
update lead_holds set end_at = start_at where id = 8400;
select results_eq(
    $$select distinct p.end_reason, p.protection_expires_at
        from unnest(array[timestamptz '2025-07-20', '2025-09-01', '2025-10-02', now()]) as t (at), lateral lead_protection_at(84, t.at) as p$$,
    $$values ('BASE_TERM', timestamptz '2025-07-10 09:00 Europe/Berlin')$$, 'it ended without either, whenever one looks');
select is((select max(protection_expires_at) from explain_lead_protection(84) where clock = 'ENDED'), timestamptz '2025-07-10 09:00 Europe/Berlin', 'as is explained');
select is((select ended_at from expire_due_protections(1000) where lead_id = 84), timestamptz '2025-07-10 09:00 Europe/Berlin', 'recorded');
select is_empty($$select * from verify_lead_protection(84)$$, 'and still what the facts come to');

-- The base term ends at 02:30 of a night that has no such time. Half an hour more makes it 03:00, which comes earlier.
insert into leads (id, user_id, created_at) values (85, 7, '2025-09-28 02:30 Europe/Berlin');
insert into lead_activities (lead_id, user_id, activity_type, occurred_at)
select 85, 7, 'QUALIFIED_CALL', a.at from unnest(array[timestamptz '2025-11-20', '2026-01-10', '2026-03-01']) as a (at);
set local statement_timeout = '5s';
select lives_ok(
    $$insert into lead_extensions (lead_id, user_id, extension, reason, granted_at) values (85, 7, '1 day', 'x', '2026-01-01'), (85, 7, '30 minutes', 'x', '2026-03-29 01:15+00')$$,
    'one without which the end is later, after it was granted, is left out once and not for ever'
);
reset statement_timeout;
select is((select protection_expires_at from v_user_lead_protection where id = 85), timestamptz '2026-03-29 01:30+00', 'and leaves the end where it was');

select * from finish();
rollback;
