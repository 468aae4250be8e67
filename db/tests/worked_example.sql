-- Page 1's worked example, line by line: the first thing to look at when a date is disputed.
begin;
select plan(17);
set local time zone 'Europe/Berlin';

insert into leads (id, user_id, created_at) values (4711, 7, '2026-01-10 09:00');
select results_eq(
    $$select user_id, state, protection_started_at, base_expires_at, reminder_due_at
        from lead_protection_at(4711, '2026-01-10 09:00')$$,
    $$values (7::bigint, 'PROTECTED', timestamptz '2026-01-10 09:00', timestamptz '2026-07-10 09:00',
              timestamptz '2026-03-11 09:00')$$,
    'lead 4711 of user 7 is protected from its first instant: six months, first activity due after 60 days'
);

insert into lead_activities (lead_id, user_id, activity_type, occurred_at)
values (4711, 7, 'QUALIFIED_CALL', '2026-02-20 15:00');
select is(
    (select reminder_due_at from lead_protection_at(4711, '2026-02-20 15:00')),
    timestamptz '2026-04-21 15:00',
    'the qualified call restarts the 60 days'
);

insert into lead_holds (lead_id, user_id, reason, start_at, end_at)
values (4711, 7, 'FreshFoodz owes a price list', '2026-03-02 08:00', '2026-03-16 08:00');
select is(
    (select base_expires_at from lead_protection_at(4711, '2026-03-16 08:00')),
    timestamptz '2026-07-24 09:00',
    'B is 10 July 09:00 plus the 14 days on hold'
);
select is(
    (select reminder_due_at from lead_protection_at(4711, '2026-03-16 08:00')),
    timestamptz '2026-05-05 15:00',
    'R is 21 April 15:00 plus the 14 days on hold'
);
select results_eq(
    $$select clock_stopped_since, hold_until from lead_protection_at(4711, '2026-03-09 12:00')$$,
    $$values (timestamptz '2026-03-02 08:00', timestamptz '2026-03-16 08:00')$$,
    'in between the clock stands still'
);
select is(
    (select state from lead_protection_at(4711, '2026-05-05 14:59:59')), 'PROTECTED',
    'a second before R nothing is due'
);
select results_eq(
    $$select state, reminder_sent_at, grace_ends_at from lead_protection_at(4711, '2026-05-05 15:00')$$,
    $$values ('REMINDER_DUE', null::timestamptz, timestamptz '2026-05-15 15:00')$$,
    'at R the reminder is due; ten days would run from a reminder sent now'
);

insert into lead_reminders (lead_id, user_id, window_start, due_at, sent_at)
values (4711, 7, '2026-05-05', '2026-05-05 15:00', '2026-05-05 15:04');
select is(
    (select state from lead_protection_at(4711, '2026-05-05 15:03:59')), 'REMINDER_DUE',
    'until the reminder is sent it stays due'
);
select results_eq(
    $$select state, reminder_sent_at, grace_ends_at, protection_expires_at, days_remaining
        from lead_protection_at(4711, '2026-05-05 15:04')$$,
    $$values ('GRACE', timestamptz '2026-05-05 15:04', timestamptz '2026-05-15 15:04',
              timestamptz '2026-05-15 15:04', 10.00)$$,
    'the sent reminder starts grace until 15 May 15:04'
);
select is(
    (select state from lead_protection_at(4711, '2026-05-15 15:03:59.999999')), 'GRACE',
    'without an answer grace would last to its last microsecond'
);
select results_eq(
    $$select state, end_reason, protection_expires_at from lead_protection_at(4711, '2026-05-15 15:04')$$,
    $$values ('EXPIRED', 'INACTIVITY', timestamptz '2026-05-15 15:04')$$,
    'without an answer protection would be over at the end of grace'
);

insert into lead_activities (lead_id, user_id, activity_type, occurred_at)
values (4711, 7, 'CUSTOMER_REACTION', '2026-05-12 10:00');
select is(
    (select state from lead_protection_at(4711, '2026-05-12 09:59:59')), 'GRACE',
    'up to the customer''s reaction the lead is in grace'
);
select results_eq(
    $$select state, reminder_due_at, grace_ends_at, base_expires_at, protection_expires_at, reminder_sent_at,
             last_qualified_activity_at
        from lead_protection_at(4711, '2026-05-12 10:00')$$,
    $$values ('PROTECTED', timestamptz '2026-07-11 10:00', timestamptz '2026-07-21 10:00',
              timestamptz '2026-07-24 09:00', timestamptz '2026-07-21 10:00', null::timestamptz,
              timestamptz '2026-05-12 10:00')$$,
    'the reaction protects anew: G, 21 July 10:00, comes before B, 24 July 09:00'
);
select is(
    (select state from lead_protection_at(4711, '2026-05-15 15:04')), 'PROTECTED',
    'the grace that was answered ends nothing'
);
select is(
    (select state from lead_protection_at(4711, '2026-07-21 10:00')), 'REMINDER_DUE',
    'without a second reminder nothing is lost to inactivity'
);
select results_eq(
    $$select state, end_reason, protection_expires_at from lead_protection_at(4711, '2026-07-24 09:00')$$,
    $$values ('EXPIRED', 'BASE_TERM', timestamptz '2026-07-24 09:00')$$,
    'the base term ends all the same, and needs no reminder'
);
select is_empty(
    $$select * from verify_lead_protection(4711)$$,
    'what is stored is what the facts come to'
);

select * from finish();
rollback;
