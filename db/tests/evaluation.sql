-- Page 1, Evaluation: the state table, half-open boundaries, what counts and what does not.
begin;
select plan(49);
set local time zone 'Europe/Berlin';

create function pg_temp.state(p_lead_id bigint, p_at timestamptz) returns text language sql as
$$ select state from public.lead_protection_at(p_lead_id, p_at) $$;

-- All start 2025-01-10 09:00: R = 2025-03-11 09:00, B = 2025-07-10 09:00.
insert into leads (id, user_id, created_at) select i, 7, '2025-01-10 09:00' from generate_series(1, 30) as i;

-- Untouched.
select is_empty($$select * from lead_protection_at(1, '2025-01-10 08:59:59.999999')$$, 'before its start a lead has no protection');
select is(pg_temp.state(1, '2025-01-10 09:00'), 'PROTECTED', 'at its start it is protected');
select is(pg_temp.state(1, '2025-03-11 08:59:59.999999'), 'PROTECTED', 'just before R it is protected');
select is(pg_temp.state(1, '2025-03-11 09:00'), 'REMINDER_DUE', 'at R the reminder is due');
select results_eq(
    $$select grace_ends_at, protection_expires_at, reminder_due_at, reminder_sent_at, days_remaining
        from lead_protection_at(1, '2025-04-20 12:00')$$,
    $$values (timestamptz '2025-04-30 12:00', timestamptz '2025-04-30 12:00', timestamptz '2025-03-11 09:00', null::timestamptz, 10.00)$$,
    'while the reminder is due G is ten days from whenever one looks'
);
select results_eq(
    $$select grace_ends_at, protection_expires_at from lead_protection_at(1, '2025-07-05 12:00')$$,
    $$values (timestamptz '2025-07-15 12:00', timestamptz '2025-07-10 09:00')$$,
    'a due reminder does not carry protection past B'
);
select is(pg_temp.state(1, '2025-07-10 08:59:59.999999'), 'REMINDER_DUE', 'without a sent reminder nothing is lost to inactivity before B');
select is(pg_temp.state(1, '2025-07-10 09:00'), 'EXPIRED', 'at B protection is over, with or without a reminder');
select results_eq(
    $$select end_reason, protection_expires_at, days_remaining, base_expires_at, reminder_due_at, grace_ends_at, reminder_sent_at, clock_stopped_since
        from lead_protection_at(1, '2025-09-01')$$,
    $$values ('BASE_TERM', timestamptz '2025-07-10 09:00', null::numeric, timestamptz '2025-07-10 09:00',
              timestamptz '2025-03-11 09:00', null::timestamptz, null::timestamptz, null::timestamptz)$$,
    'an expired row says when and why; base expiry and due date keep their last values, the rest is empty'
);
select results_eq(
    $$select grace_ends_at, protection_expires_at, end_reason, days_remaining from lead_protection_at(1, '2025-03-01 09:00')$$,
    $$values (timestamptz '2025-03-21 09:00', timestamptz '2025-03-21 09:00', null::text, 20.00)$$,
    'a protected row shows the earliest end: R plus ten days'
);

-- The reminder.
insert into lead_reminders (lead_id, user_id, window_start, due_at, sent_at) values
    (2, 7, '2025-03-11', '2025-03-11 09:00', '2025-03-11 09:30'),
    (3, 7, '2025-03-11', '2025-03-11 09:00', null),
    (4, 7, '2025-03-10', '2025-03-11 09:00', '2025-03-10 23:59:59'),
    (5, 7, '2025-03-11', '2025-03-11 09:00', '2025-03-11 00:00'),
    (6, 8, '2025-03-11', '2025-03-11 09:00', '2025-03-11 09:30'),
    (7, 7, '2025-03-11', '2025-03-11 09:00', '2025-03-11 09:30'),
    (7, 7, '2025-03-12', '2025-03-11 09:00', '2025-03-12 09:30'),
    (8, 7, '2025-03-01', '2025-03-11 09:00', '2025-03-20 09:30');
insert into lead_reminders (lead_id, user_id, reminder_type, window_start, due_at, sent_at)
values (9, 7, 'TERM', '2025-06-30', '2025-06-30 09:00', '2025-06-30 09:10');
select is(pg_temp.state(2, '2025-03-11 09:29:59'), 'REMINDER_DUE', 'until it is sent the reminder is due');
select is(pg_temp.state(2, '2025-03-11 09:30'), 'GRACE', 'the sent reminder starts grace at that instant');
select is(pg_temp.state(2, '2025-03-21 09:29:59.999999'), 'GRACE', 'just before G grace runs');
select is(pg_temp.state(2, '2025-03-21 09:30'), 'EXPIRED', 'at G protection is over');
select results_eq(
    $$select end_reason, protection_expires_at, reminder_due_at, reminder_sent_at from lead_protection_at(2, '2025-03-21 09:30')$$,
    $$values ('INACTIVITY', timestamptz '2025-03-21 09:30', timestamptz '2025-03-11 09:00', null::timestamptz)$$,
    'the reason is INACTIVITY, the moment is G'
);
select is(pg_temp.state(3, '2025-05-01'), 'REMINDER_DUE', 'a queued reminder is not a sent one');
select is(pg_temp.state(4, '2025-03-11 08:00'), 'PROTECTED', 'a reminder whose window lies before R''s date does not count');
select is(pg_temp.state(4, '2025-04-01'), 'REMINDER_DUE', 'nor does it count once R has come');
select is(pg_temp.state(5, '2025-03-11 00:00'), 'GRACE', 'a reminder sent on R''s local date but before R counts');
select is(
    (select grace_ends_at from lead_protection_at(5, '2025-03-12')), timestamptz '2025-03-21 00:00',
    'and its ten days run from when it was sent'
);
select is(pg_temp.state(6, '2025-04-01'), 'REMINDER_DUE', 'a reminder to another user starts no grace');
select is(
    (select grace_ends_at from lead_protection_at(7, '2025-03-13')), timestamptz '2025-03-21 09:30',
    'a second reminder in a running grace does not prolong it'
);
select is(pg_temp.state(8, '2025-04-05'), 'REMINDER_DUE', 'an old window does not count, whenever the reminder went out');
select is(pg_temp.state(9, '2025-07-01'), 'REMINDER_DUE', 'a term reminder gates nothing');

-- Activities.
insert into lead_activities (lead_id, user_id, activity_type, occurred_at) values
    (10, 8, 'QUALIFIED_CALL', '2025-03-01 09:00'),
    (11, 7, 'EMAIL_SENT', '2025-03-01 09:00'),
    (11, 7, 'MARKETING_TOUCH', '2025-03-02 09:00'),
    (11, 7, 'SYSTEM_NOTE', '2025-03-03 09:00'),
    (12, 7, 'SAMPLE_FEEDBACK', '2025-03-01 09:00'),
    (13, 7, 'QUALIFIED_CALL', '2025-01-10 08:59:59'),
    (14, 7, 'QUALIFIED_CALL', '2025-01-10 09:00'),
    (15, 7, 'ROI_PRESENTATION', '2025-03-11 09:30'),
    (16, 7, 'SCHEDULED_FOLLOWUP', '2025-03-21 09:30'),
    (17, 7, 'QUALIFIED_CALL', '2025-05-01 09:00'),
    (18, 7, 'QUALIFIED_CALL', '2025-03-21 09:29:59.999999'),
    (19, 7, 'QUALIFIED_CALL', '2025-07-10 09:00'),
    (20, 7, 'QUALIFIED_CALL', '2025-06-20 09:00'),
    (24, 7, 'QUALIFIED_CALL', '2025-03-11 09:30');
insert into lead_reminders (lead_id, user_id, window_start, due_at, sent_at) values
    (15, 7, '2025-03-11', '2025-03-11 09:00', '2025-03-11 09:30'),
    (16, 7, '2025-03-11', '2025-03-11 09:00', '2025-03-11 09:30'),
    (17, 7, '2025-06-30', '2025-06-30 09:00', '2025-06-30 09:00'),
    (18, 7, '2025-03-11', '2025-03-11 09:00', '2025-03-11 09:30'),
    (24, 7, '2025-05-10', '2025-03-11 09:00', '2025-03-11 09:30');
select results_eq(
    $$select reminder_due_at, last_qualified_activity_at from lead_protection_at(10, '2025-03-05')$$,
    $$values (timestamptz '2025-03-11 09:00', null::timestamptz)$$,
    'another user''s activity does not count'
);
select results_eq(
    $$select reminder_due_at, last_qualified_activity_at from lead_protection_at(11, '2025-03-05')$$,
    $$values (timestamptz '2025-03-11 09:00', null::timestamptz)$$,
    'mails, marketing touches and notes do not count'
);
select results_eq(
    $$select reminder_due_at, last_qualified_activity_at from lead_protection_at(12, '2025-03-05')$$,
    $$values (timestamptz '2025-04-30 09:00', timestamptz '2025-03-01 09:00')$$,
    'a qualified activity sets the anchor'
);
select is(
    (select reminder_due_at from lead_protection_at(12, '2025-02-28')), timestamptz '2025-03-11 09:00',
    'before it occurred it does not exist'
);
select results_eq(
    $$select reminder_due_at, last_qualified_activity_at from lead_protection_at(13, '2025-03-05')$$,
    $$values (timestamptz '2025-03-11 09:00', null::timestamptz)$$,
    'an activity before the period does not count'
);
select is(
    (select last_qualified_activity_at from lead_protection_at(14, '2025-03-05')), timestamptz '2025-01-10 09:00',
    'an activity at the very start counts'
);
select results_eq(
    $$select state, reminder_due_at, reminder_sent_at from lead_protection_at(15, '2025-03-12')$$,
    $$values ('PROTECTED', timestamptz '2025-05-10 09:30', null::timestamptz)$$,
    'at equal times the activity comes first, and the reminder no longer counts'
);
select is(pg_temp.state(24, '2025-03-12'), 'GRACE', 'so that one whose window fits the new due date does count');
select is(pg_temp.state(16, '2025-03-21 09:30'), 'EXPIRED', 'an activity at G is too late');
select is(
    (select last_qualified_activity_at from lead_protection_at(16, '2025-03-22')), null,
    'and it is not the one that set the anchor'
);
select is(pg_temp.state(18, '2025-03-21 09:30'), 'PROTECTED', 'an activity one microsecond before G is in time');
select results_eq(
    $$select state, end_reason, protection_expires_at from lead_protection_at(17, '2025-07-10 09:00')$$,
    $$values ('EXPIRED', 'BASE_TERM', timestamptz '2025-07-10 09:00')$$,
    'if base term and grace end at the same instant the reason is BASE_TERM'
);
select is(pg_temp.state(17, '2025-07-10 08:59:59.999999'), 'GRACE', 'until that instant grace runs');
select is(
    (select last_qualified_activity_at from lead_protection_at(19, '2025-07-11')), null,
    'an activity at B is too late'
);
select results_eq(
    $$select state, protection_expires_at, grace_ends_at from lead_protection_at(20, '2025-06-21')$$,
    $$values ('PROTECTED', timestamptz '2025-07-10 09:00', timestamptz '2025-08-29 09:00')$$,
    'an active lead ends with its base term: protection_expires_at is the earlier of B and G'
);

-- Holds and extensions as of a moment.
insert into lead_holds (lead_id, user_id, reason, start_at, end_at) values
    (21, 7, 'recipe', '2025-03-15 09:00', '2025-03-20 09:00'),
    (22, 7, 'recipe', '2025-04-01 09:00', null);
insert into lead_reminders (lead_id, user_id, window_start, due_at, sent_at)
values (21, 7, '2025-03-11', '2025-03-11 09:00', '2025-03-11 09:30');
insert into lead_extensions (lead_id, user_id, extension, reason, granted_at)
values (23, 7, '20 days', 'tender', '2025-02-01 09:00');
select is(
    (select grace_ends_at from lead_protection_at(21, '2025-03-21')), timestamptz '2025-03-26 09:30',
    'a hold stops the ten days of grace too'
);
select is(
    (select grace_ends_at from lead_protection_at(21, '2025-03-14')), timestamptz '2025-03-21 09:30',
    'before the hold began nobody knew of it'
);
select results_eq(
    $$select state, reminder_due_at, clock_stopped_since, hold_until from lead_protection_at(22, '2026-03-01')$$,
    $$values ('REMINDER_DUE', timestamptz '2025-03-11 09:00', timestamptz '2025-04-01 09:00', null::timestamptz)$$,
    'a reminder that was due stays due under an open hold, which never runs out'
);
select results_eq(
    $$select x.at, p.base_expires_at
        from (values (timestamptz '2025-02-01 08:59:59'), ('2025-02-01 09:00')) as x (at)
       cross join lateral lead_protection_at(23, x.at) as p
       order by x.at$$,
    $$values (timestamptz '2025-02-01 08:59:59', timestamptz '2025-07-10 09:00'), ('2025-02-01 09:00', '2025-07-30 09:00')$$,
    'an extension counts from granted_at'
);

-- An expiry nobody has recorded.
create temp table before_recording as
select id, to_jsonb(v) as was from v_user_lead_protection as v where id in (1, 2, 16, 17, 19, 20, 21);
select is((select count(*)::integer from before_recording where was ->> 'state' = 'EXPIRED'), 7, 'seven leads have run out');
select is((select count(*)::integer from expire_due_protections(100) where lead_id in (select id from before_recording)), 7, 'the worker records them');
select is_empty(
    $$select b.id, b.was, to_jsonb(v) from before_recording as b join v_user_lead_protection as v using (id) where b.was <> to_jsonb(v)$$,
    'an expiry not yet recorded shows the same row as a recorded one'
);
select results_eq(
    $$select lead_id, end_reason, ended_at, recorded_at from lead_protection_periods where lead_id in (1, 2) order by 1$$,
    $$values (1::bigint, 'BASE_TERM', timestamptz '2025-07-10 09:00', now()), (2, 'INACTIVITY', '2025-03-21 09:30', now())$$,
    'what is recorded is the exact deadline, not the time of recording'
);
select is_empty($$select * from verify_lead_protection() where lead_id <= 30$$, 'what is stored is what the facts come to');

-- The first moment of a protection is in it: S <= sent_at.
insert into leads (id, user_id, created_at) values (31, 7, '2025-01-10 09:00'), (32, 7, '2025-01-10 09:00');
insert into lead_reminders (lead_id, user_id, window_start, due_at, sent_at) values
    (31, 7, '2025-03-11', '2025-03-11 09:00', '2025-01-10 09:00'), (32, 7, '2025-03-11', '2025-03-11 09:00', '2025-01-10 08:59:59.999999');
select results_eq($$select lead_id, p.state from unnest(array[31, 32]) as l (id), lead_protection_at(l.id, '2025-01-11') as p order by 1$$, $$values (31::bigint, 'GRACE'), (32, 'PROTECTED')$$,
    'a reminder of the very start counts, one from before does not');

select * from finish();
rollback;
