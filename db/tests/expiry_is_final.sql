-- Once the worker has recorded an expiry nothing that is entered, corrected or deleted changes it.
begin;
select plan(44);
set local time zone 'Europe/Berlin';

-- R = 2025-03-11 09:00, G = 2025-03-21 09:30, B = 2025-07-10 09:00.
insert into leads (id, user_id, created_at) select i, 7, '2025-01-10 09:00' from generate_series(1, 12) as i;
insert into lead_activities (id, lead_id, user_id, activity_type, occurred_at) select 9000000000000 + i, i, 7, 'QUALIFIED_CALL', '2025-01-10 09:00' from generate_series(1, 12) as i;
insert into lead_holds (id, lead_id, user_id, reason, start_at, end_at) select 9000000000000 + i, i, 7, 'x', '2025-01-20 09:00', '2025-01-20 09:00' from generate_series(1, 12) as i;
insert into lead_extensions (lead_id, user_id, extension, reason, granted_at) select i, 7, '1 day', 'x', '2025-01-20 09:00' from generate_series(1, 12) as i;
insert into lead_reminders (id, lead_id, user_id, window_start, due_at, sent_at)
select 9000000000000 + i, i, 7, '2025-03-11', '2025-03-11 09:00', '2025-03-11 09:30' from generate_series(1, 6) as i;
insert into lead_activities (id, lead_id, user_id, activity_type, occurred_at) values (9000000000100, 1, 7, 'QUALIFIED_CALL', '2025-04-20 09:00');
insert into lead_holds (id, lead_id, user_id, reason, start_at, end_at) values (9000000000100, 5, 7, 'x', '2025-01-10 08:00', '2025-01-10 09:00');

-- Before recording.
insert into lead_activities (lead_id, user_id, activity_type, occurred_at) values (6, 7, 'QUALIFIED_CALL', '2025-03-21 09:00');
select is((select end_reason from v_user_lead_protection where id = 6), 'BASE_TERM', 'until it is recorded, an activity entered late but dated before the deadline still counts');
select is((select count(*)::integer from expire_due_protections(100, '2025-03-21 09:29:59.999999') where lead_id <= 12), 0, 'a sweep as of just before the deadline records nothing');
select results_eq(
    $$select lead_id, ended_at, end_reason, recorded_at from expire_due_protections(100, '2025-03-21 09:30') where lead_id <= 12 order by lead_id$$,
    $$select i, timestamptz '2025-03-21 09:30', 'INACTIVITY', now() from generate_series(1::bigint, 5) as i$$,
    'a sweep as of the deadline records it with the exact deadline'
);
select is((select count(*)::integer from expire_due_protections(100, '2025-03-21 09:30')), 0, 'a second sweep finds nothing');
select results_eq(
    $$select lead_id, end_reason from expire_due_protections(100) where lead_id <= 12 order by lead_id$$,
    $$select i, 'BASE_TERM' from generate_series(6::bigint, 12) as i$$,
    'a sweep as of now records what has run out since'
);
select results_eq(
    $$select event_type, (payload ->> 'timestamp')::timestamptz, payload ->> 'reason', payload ->> 'current_state', (payload ->> 'protection_expires_at')::timestamptz
        from outbox where lead_id = 1 and event_type = 'lead.protection.expired'$$,
    $$values ('lead.protection.expired', timestamptz '2025-03-21 09:30', 'inactivity', 'EXPIRED', timestamptz '2025-03-21 09:30')$$,
    'each is told once, with its own moment'
);
create temp table final as
select id, to_jsonb(v) as was from v_user_lead_protection as v where id <= 12;

-- Nothing entered later counts, however it is dated.
insert into lead_activities (id, lead_id, user_id, activity_type, occurred_at) values
    (9000000000201, 1, 7, 'QUALIFIED_CALL', '2025-03-15 09:00'), (9000000000202, 2, 7, 'QUALIFIED_CALL', '2025-03-20 09:00'), (9000000000203, 2, 7, 'QUALIFIED_CALL', now());
insert into lead_reminders (lead_id, user_id, window_start, due_at, sent_at) values (7, 7, '2025-03-11', '2025-03-11 09:00', '2025-03-11 09:30');
select is_empty($$select f.id, to_jsonb(v) from final as f join v_user_lead_protection as v using (id) where to_jsonb(v) <> f.was$$,
    'activities and reminders entered after the recording change nothing');
select is_empty($$select f.id, to_jsonb(v) from final as f cross join lateral lead_protection_at(f.id, now()) as v where to_jsonb(v) <> f.was$$,
    'recomputed they change nothing either');
select results_eq(
    $$select state, reminder_due_at, last_qualified_activity_at from lead_protection_at(2, '2025-03-20 12:00')$$,
    $$values ('GRACE', timestamptz '2025-03-11 09:00', timestamptz '2025-01-10 09:00')$$,
    'nor do they change a moment inside the final period'
);
select is((select state from lead_protection_at(7, '2025-03-15 09:00')), 'REMINDER_DUE', 'a reminder entered later starts no grace there');
select throws_ok($$insert into lead_holds (lead_id, user_id, reason, start_at, end_at) values (3, 7, 'x', '2025-03-01', '2025-03-10')$$, 'LP003', null, 'a hold is refused: the protection is over');
select throws_ok($$insert into lead_extensions (lead_id, user_id, extension, reason, granted_at) values (3, 7, '1 month', 'x', '2025-03-01')$$, 'LP003', null, 'an extension is refused');

-- What it was judged by is neither corrected nor deleted.
select throws_ok($$update lead_activities set occurred_at = '2025-03-20' where id = 9000000000003$$, 'LP014', null, 'an activity inside is not corrected');
select throws_ok($$update lead_activities set activity_type = 'EMAIL_SENT' where id = 9000000000003$$, 'LP014', null, 'nor is its type');
select throws_ok($$update lead_activities set user_id = 8 where id = 9000000000003$$, 'LP014', null, 'nor its user');
select throws_ok($$update lead_activities set lead_id = 4 where id = 9000000000003$$, 'LP014', null, 'nor is it moved to another lead');
select throws_ok($$delete from lead_activities where id = 9000000000003$$, 'LP014', null, 'nor is it deleted');
select throws_ok($$delete from lead_activities where lead_id between 1 and 12$$, 'LP014', null, 'nor are many deleted at once');
select throws_ok($$update lead_holds set end_at = '2025-02-20 09:00' where id = 9000000000003$$, 'LP014', null, 'a hold inside is not corrected');
select throws_ok($$delete from lead_holds where id = 9000000000003$$, 'LP014', null, 'nor deleted');
select throws_ok($$update lead_reminders set sent_at = '2025-03-20' where id = 9000000000003$$, 'LP014', null, 'a reminder inside is not corrected');
select throws_ok($$update lead_reminders set window_start = '2025-03-01' where id = 9000000000003$$, 'LP014', null, 'nor is its window');
select throws_ok($$delete from lead_reminders where id = 9000000000003$$, 'LP014', null, 'nor is it deleted');
select throws_ok($$update lead_extensions set extension = '3 months' where lead_id = 3$$, 'LP014', null, 'an extension inside is not corrected');
select throws_ok($$delete from lead_extensions where lead_id = 3$$, 'LP014', null, 'nor deleted');
select lives_ok($$update lead_activities set summary = 'spelling' where id = 9000000000003$$, 'a summary may be put right');
select lives_ok($$update lead_activities set occurred_at = '2025-03-19 09:00' where id = 9000000000202$$, 'an activity that came after the recording decided nothing: it may be corrected');
select lives_ok($$delete from lead_activities where id = 9000000000202$$, 'and deleted');
select lives_ok($$delete from lead_activities where id = 9000000000100$$, 'an activity dated after the end may be deleted');
select lives_ok($$delete from lead_holds where id = 9000000000100$$, 'so may a hold that ended where the period started');
update leads set created_at = '2025-02-10 09:00' where id = 4;
select is_empty($$select f.id, to_jsonb(v) from final as f join v_user_lead_protection as v using (id) where to_jsonb(v) <> f.was$$,
    'after all this every final row is as it was, though a created_at was corrected too');
select is_empty($$select * from verify_lead_protection() where lead_id <= 12$$, 'what is stored is what the facts come to');
select lives_ok($$delete from leads where id = 3$$, 'the whole lead may be deleted');

-- After a reinstatement what was entered late counts where it lies, and not before.
call reinstate_lead_protection(1, 7, 'was on parental leave', 99);
insert into lead_activities (lead_id, user_id, activity_type, occurred_at) values (1, 7, 'QUALIFIED_CALL', now());
select is((select last_qualified_activity_at from v_user_lead_protection where id = 1), now(), 'an activity in the new period counts there');
select results_eq(
    $$select state, end_reason, protection_expires_at from lead_protection_at(1, now() - interval '1 day')$$,
    $$values ('EXPIRED', 'INACTIVITY', timestamptz '2025-03-21 09:30')$$,
    'the final period stays what it was'
);
select throws_ok($$delete from lead_activities where id = 9000000000001$$, 'LP014', null, 'and stays final');

-- A reminder sent long before R, for a window that lay behind it: a hold would move R past that window, and is none of this period's.
insert into leads (id, user_id, created_at) values (13, 7, '2025-01-10 09:00');
insert into lead_reminders (lead_id, user_id, window_start, due_at, sent_at) values (13, 7, '2025-03-12', '2025-03-11 09:00', '2025-01-12 09:00');
select count(*) from expire_due_protections(100);
call reinstate_lead_protection(13, 7, 'was on parental leave', 99);
insert into lead_holds (lead_id, user_id, reason, start_at, end_at) values (13, 7, 'x', '2025-01-22 09:00', '2025-01-25 09:00');
select results_eq(
    $$select state, end_reason, protection_expires_at, base_expires_at, reminder_due_at from lead_protection_at(13, '2025-02-01 09:00')$$,
    $$values ('EXPIRED', 'INACTIVITY', timestamptz '2025-01-22 09:00', timestamptz '2025-07-10 09:00', timestamptz '2025-03-11 09:00')$$,
    'a hold entered later that begins at the very end changes nothing of the final period'
);
select is_empty($$select * from verify_lead_protection(13)$$, 'and what is stored is what the facts come to');

-- Nor does an activity of the new protection that is corrected to have happened in the final one.
insert into lead_activities (id, lead_id, user_id, activity_type) values (9000000000200, 13, 7, 'QUALIFIED_CALL');
update lead_activities set occurred_at = '2025-01-21 09:00' where id = 9000000000200;
select is((select counts_from from lead_activities where id = 9000000000200), timestamptz '2025-01-22 09:00', 'it counts from the end of that on');
select is_empty($$select * from verify_lead_protection(13)$$, 'and what was recorded is still what the facts come to');
select is((select last_qualified_activity_at from v_user_lead_protection where id = 13), null, 'for the new one it is too old');

-- What an upsert writes as it is corrects nothing.
select lives_ok('update lead_reminders set sent_at = sent_at where lead_id = 1', 'a reminder written as it is, is no correction');
select lives_ok('update lead_extensions set reason = reason where lead_id = 1', 'nor is an extension');
select is_empty('select * from verify_lead_protection(1)', 'and nothing has changed');

select * from finish();
rollback;
