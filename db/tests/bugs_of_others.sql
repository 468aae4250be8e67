-- Known defects of systems that did this before. Each test bears the name of the bug it would catch.
begin;
select plan(51);
set local time zone 'Europe/Berlin';
set local client_min_messages = warning;

create function pg_temp.row_at(p_lead_id bigint, p_at timestamptz) returns public.lead_protection language sql as
$$ select p from public.lead_protection_at(p_lead_id, p_at) as p $$;

-- Start 2025-01-10 09:00: R = 2025-03-11 09:00, B = 2025-07-10 09:00.
insert into leads (id, user_id, created_at) select i, 7, '2025-01-10 09:00' from generate_series(1, 60) as i;

-- Stop-clock.
select is((pg_temp.row_at(1, '2025-07-10 09:00')).state, 'EXPIRED', 'bug "a lead without holds never expires"');
select is(
    (select count(distinct (pg_temp.row_at(1, d)).state)::integer
       from generate_series(timestamptz '2025-01-10 09:00', '2025-08-10 09:00', '1 day') as d), 3,
    'bug "protected on every one of 212 days": a daily sweep sees three states'
);
insert into lead_holds (lead_id, user_id, reason, start_at, end_at) values
    (2, 7, 'price list', '2025-02-01 09:00', '2025-02-11 09:00'),
    (2, 7, 'price list', '2025-02-01 09:00', '2025-02-11 09:00');
select is((pg_temp.row_at(2, '2025-03-01')).base_expires_at, timestamptz '2025-07-20 09:00', 'bug "two identical holds are summed"');
insert into lead_holds (lead_id, user_id, reason, start_at, end_at) values (3, 7, 'menu season', '2025-06-01 09:00', '2025-06-11 09:00');
select results_eq(
    $$select state, base_expires_at, reminder_due_at from lead_protection_at(3, '2025-02-01 09:00')$$,
    $$values ('PROTECTED', timestamptz '2025-07-10 09:00', timestamptz '2025-03-11 09:00')$$,
    'bug "a hold that lies in the future counts negatively"'
);
select throws_ok(
    $$insert into lead_holds (lead_id, user_id, reason, start_at) values (1, 7, 'tomorrow', now() + interval '1 day')$$,
    'LP007', null, 'bug "a hold of a future date is taken"'
);
insert into lead_holds (lead_id, user_id, reason, start_at, end_at) values
    (4, 7, 'first', '2025-02-01 09:00', '2025-02-11 09:00'),
    (4, 7, 'second', '2025-02-21 09:00', '2025-03-01 09:00');
select is((pg_temp.row_at(4, '2025-03-02')).base_expires_at, timestamptz '2025-07-28 09:00', 'bug "resume loses the earlier pauses"');
insert into lead_holds (lead_id, user_id, reason, start_at, end_at) values (5, 7, 'across R', '2025-03-01 09:00', '2025-03-21 09:00');
select results_eq(
    $$select state, reminder_due_at from lead_protection_at(5, '2025-03-21 09:00')$$,
    $$values ('PROTECTED', timestamptz '2025-03-31 10:00')$$,
    'bug "a lead stopped across its deadline is due the night after resume"'
);
insert into leads (id, user_id, created_at) values (101, 7, now() - interval '20 days');
call create_lead_hold(101, 7, 'recipe', start_at => now() - interval '240 hours');
call create_lead_hold(101, 7, 'stop again');
select results_eq(
    $$select count(*), min(start_at) from lead_holds where lead_id = 101$$,
    $$values (1::bigint, now() - interval '240 hours')$$,
    'bug "stopping a stopped clock overwrites when it was stopped"'
);
call release_lead_hold(101, 7);
select is(
    (select base_expires_at from v_user_lead_protection where id = 101),
    now() - interval '20 days' + interval '6 months' + interval '240 hours',
    'bug "the accrued pause is lost on resume"'
);
insert into lead_holds (lead_id, user_id, reason, start_at) values (6, 7, 'open for long', '2025-02-01 09:00');
select isnt((pg_temp.row_at(6, '2026-07-01')).days_remaining, 2147483647::numeric, 'bug "a stopped lead has Integer.MAX_VALUE days left"');
select ok((pg_temp.row_at(6, '2026-07-01')).days_remaining between 40 and 60, 'bug "a stopped lead has no honest number of days"');
insert into lead_holds (lead_id, user_id, reason, start_at, end_at) values
    (7, 7, 'half a day', '2025-02-01 09:00', '2025-02-01 21:00'),
    (7, 7, 'another', '2025-02-03 09:00', '2025-02-03 15:00');
select is((pg_temp.row_at(7, '2025-03-01')).base_expires_at, timestamptz '2025-07-11 03:00', 'bug "held time is truncated to whole days"');
insert into lead_holds (lead_id, user_id, reason, start_at, end_at) values (8, 7, 'a fortnight with a DST night', '2025-03-20 09:00', '2025-04-03 09:00');
insert into lead_activities (lead_id, user_id, activity_type, occurred_at) values (8, 7, 'QUALIFIED_CALL', '2025-03-10 09:00');
select is((pg_temp.row_at(8, '2025-04-04')).reminder_due_at, timestamptz '2025-05-23 08:00', 'bug "held seconds are added again as calendar days"');

-- Months, zones, days.
select is((pg_temp.row_at(1, '2025-02-01')).base_expires_at, timestamptz '2025-07-10 09:00', 'bug "a month is thirty days"');
set local time zone 'Pacific/Kiritimati';
select is((pg_temp.row_at(1, '2025-02-01')).base_expires_at, timestamptz '2025-07-10 07:00+00', 'bug "the session''s time zone moves the base expiry"');
set local time zone 'Europe/Berlin';
insert into lead_activities (lead_id, user_id, activity_type, occurred_at) values (1, 7, 'QUALIFIED_CALL', '2025-01-31 00:15');
select is(
    (select array_agg((pg_temp.row_at(1, t)).state order by t)
       from unnest(array[timestamptz '2025-04-01 00:14:59.999999', '2025-04-01 00:15']) as t),
    '{PROTECTED,REMINDER_DUE}'::text[],
    'bug "60 days are calendar days here and seconds there": due at the wall-clock minute after the spring change'
);
select is(
    (select count(*)::integer from generate_series(timestamptz '2025-04-01 00:15', '2025-07-09 00:15', '1 day') as d
      where (pg_temp.row_at(1, d)).state = 'REMINDER_DUE'), 100,
    'bug "REMINDER_DUE is unreachable": a daily job finds it on every day until the reminder is sent'
);

-- The end.
insert into lead_reminders (lead_id, user_id, window_start, due_at, sent_at) values
    (9, 7, '2025-03-11', '2025-03-11 09:00', '2025-03-11 09:05'),
    (10, 7, '2025-03-11', '2025-03-11 09:00', '2025-03-11 09:05');
insert into lead_activities (lead_id, user_id, activity_type, occurred_at) values (9, 7, 'QUALIFIED_CALL', '2025-03-25 09:00');
select is((pg_temp.row_at(9, '2025-04-01')).state, 'EXPIRED', 'bug "an activity after expiry revives"');
select throws_ok(
    $$insert into lead_holds (lead_id, user_id, reason, start_at, end_at) values (10, 7, 'x', '2025-03-22 09:00', '2025-04-22 09:00')$$,
    'LP003', null, 'bug "a backdated hold revives"'
);
insert into lead_activities (lead_id, user_id, activity_type, occurred_at) values (11, 7, 'QUALIFIED_CALL', '2025-05-04 09:00');
insert into lead_reminders (lead_id, user_id, window_start, due_at, sent_at) values (11, 7, '2025-07-03', '2025-07-03 09:00', '2025-07-03 09:05');
select results_eq(
    $$select state, protection_expires_at, grace_ends_at from lead_protection_at(11, '2025-07-05')$$,
    $$values ('GRACE', timestamptz '2025-07-10 09:00', timestamptz '2025-07-13 09:05')$$,
    'bug "grace goes beyond the base term"'
);
select is((pg_temp.row_at(11, '2025-07-10 09:00')).state, 'EXPIRED', 'bug "still in grace after the base expiry"');
insert into lead_activities (lead_id, user_id, activity_type, occurred_at)
select 12, 7, 'QUALIFIED_CALL', d from generate_series(timestamptz '2025-02-01', '2025-07-09', '7 days') as d;
select results_eq(
    $$select state, end_reason from lead_protection_at(12, '2025-07-10 09:00')$$, $$values ('EXPIRED', 'BASE_TERM')$$,
    'bug "the six-month limit is enforced nowhere"'
);

-- Reminders. Leads relative to now(), as the dispatcher sees them.
insert into leads (id, user_id, created_at) values
    (110, 7, now() - interval '70 days'),
    (111, 7, now() - interval '70 days'),
    (112, 7, now() - interval '61 days');
select is((select state from v_user_lead_protection where id = 110), 'REMINDER_DUE', 'bug "an untouched lead has no deadline"');
select is((select count(*)::integer from dispatch_due_reminders(1000) where lead_id = 110), 1, 'bug "an untouched lead is never warned"');
insert into lead_holds (lead_id, user_id, reason, start_at) values (111, 7, 'open after R', now() - interval '5 days');
select is((select count(*)::integer from dispatch_due_reminders(1000) where lead_id = 111), 0, 'bug "reminders go out while the clock is stopped"');
select is(
    (select count(distinct (reminder_due_at at time zone 'Europe/Berlin')::date)::integer
       from generate_series(now(), now() + interval '60 days', interval '1 day') as d
      cross join lateral lead_protection_at(111, d)), 1,
    'bug "a new reminder key every day under an open hold"'
);
select is(
    (select count(*)::integer from generate_series(1, 5) cross join lateral dispatch_due_reminders(1000) as r where r.lead_id = 110), 0,
    'bug "the reminder is queued again at every run"'
);

-- Second cycle: the warning date is that of the cycle.
insert into lead_reminders (lead_id, user_id, window_start, due_at, sent_at) values (13, 7, '2025-03-11', '2025-03-11 09:00', '2025-03-11 09:05');
insert into lead_activities (lead_id, user_id, activity_type, occurred_at) values (13, 7, 'QUALIFIED_CALL', '2025-03-15 09:00');
select is((pg_temp.row_at(13, '2025-05-14 09:00')).state, 'REMINDER_DUE', 'bug "the warning date is never reset": the second cycle is warned');
select is((pg_temp.row_at(13, '2025-05-20 09:00')).state, 'REMINDER_DUE', 'bug "the second cycle expires without any grace"');
insert into lead_reminders (lead_id, user_id, window_start, due_at, sent_at) values (13, 7, '2025-05-14', '2025-05-14 09:00', '2025-05-17 12:00');
select is(
    (pg_temp.row_at(13, '2025-05-18')).grace_ends_at, timestamptz '2025-05-27 12:00',
    'bug "the mail promises ten days and the system gives three": grace runs from the sending'
);
select lives_ok(
    $$insert into lead_reminders (lead_id, user_id, window_start) values (13, 7, '2025-07-14')$$,
    'bug "one reminder per lead for life"'
);
insert into leads (id, user_id, created_at) values (113, 7, now() - interval '61 days');
insert into lead_activities (lead_id, user_id, activity_type, occurred_at) values (113, 7, 'QUALIFIED_CALL', now() - interval '60 days');
select is(
    (select r.sent_at from dispatch_due_reminders(1000) as r where r.lead_id = 113), null,
    'bug "a reminder counts as sent when it is queued"'
);
update lead_reminders set sent_at = now() where lead_id = 112;
insert into lead_activities (lead_id, user_id, activity_type, occurred_at) values (112, 7, 'QUALIFIED_CALL', now());
select is(
    (select due_at from lead_reminders where lead_id = 112), now() - interval '61 days' + interval '60 days',
    'bug "the delay of a reminder is measured against the present due date": it keeps its own'
);

-- Facts.
insert into lead_activities (lead_id, user_id, activity_type, occurred_at) values (14, 7, 'QUALIFIED_CALL', '2025-03-01 09:00');
insert into lead_activities (lead_id, user_id, activity_type, occurred_at) values (14, 7, 'QUALIFIED_CALL', '2025-01-15 09:00');
select is((pg_temp.row_at(14, '2025-03-02')).reminder_due_at, timestamptz '2025-04-30 09:00', 'bug "a late entry pulls the deadline back"');
select throws_ok(
    $$insert into lead_activities (lead_id, user_id, activity_type, occurred_at) values (14, 7, 'QUALIFIED_CALL', now() + interval '4 years')$$,
    'LP007', null, 'bug "an activity of a future date moves the deadline there"'
);
delete from lead_activities where lead_id = 14 and occurred_at = '2025-03-01 09:00';
select is((pg_temp.row_at(14, '2025-03-02')).reminder_due_at, timestamptz '2025-03-16 09:00', 'bug "a deleted activity still counts"');
insert into lead_activities (lead_id, user_id, activity_type, occurred_at, created_at) values (15, 7, 'QUALIFIED_CALL', '2025-02-01 09:00', '2025-03-01 09:00');
select is((pg_temp.row_at(15, '2025-03-02')).reminder_due_at, timestamptz '2025-04-02 09:00', 'bug "created_at is taken instead of occurred_at"');
select lives_ok(
    $$insert into lead_activities (lead_id, user_id, activity_type, occurred_at) values
        (16, 7, 'CUSTOMER_REACTION', '2025-02-01'), (16, 7, 'SCHEDULED_FOLLOWUP', '2025-02-02'),
        (16, 7, 'SAMPLE_FEEDBACK', '2025-02-03'), (16, 7, 'ROI_PRESENTATION', '2025-02-04')$$,
    'bug "half of the qualified types are refused"'
);
select set_eq(
    $$select activity_type from activity_types where is_qualified$$,
    array['QUALIFIED_CALL', 'CUSTOMER_REACTION', 'SCHEDULED_FOLLOWUP', 'SAMPLE_FEEDBACK', 'ROI_PRESENTATION'],
    'bug "three lists of qualified types": there is one'
);

-- Transfer.
insert into leads (id, user_id, created_at) values (120, 7, now() - interval '10 days');
update leads set user_id = 8 where id = 120;
select results_eq(
    $$select user_id from v_user_lead_protection where id = 120$$, $$values (8::bigint)$$,
    'bug "two owners after a transfer"'
);
select results_eq(
    $$select user_id, ended_at is null from lead_protection_periods where lead_id = 120 order by id$$,
    $$values (7::bigint, false), (8, true)$$,
    'bug "an ownership has no end"'
);

-- The sweeps: what is not due never blocks what is.
select ok(
    exists (select from expire_due_protections(1000) as p where p.lead_id = 12 and p.end_reason = 'BASE_TERM'),
    'bug "no job ever enforces the six-month limit"'
);
select results_eq(
    $$select user_id, ended_at, end_reason from lead_protection_periods where lead_id = 12$$,
    $$values (7::bigint, timestamptz '2025-07-10 09:00', 'BASE_TERM')$$,
    'bug "the owner is set to null on expiry": who had the lead is kept'
);
insert into leads (id, user_id, created_at) select i, 9, now() - interval '7 months' from generate_series(200, 209) as i;
insert into lead_holds (lead_id, user_id, reason, start_at) select i, 9, 'open', now() - interval '6 months 10 days' from generate_series(200, 208) as i;
update internal.lead_clocks set next_expiry_check_at = now() - interval '6 months', next_reminder_check_at = now() - interval '6 months'
 where lead_id between 200 and 208;
select results_eq(
    $$select lead_id from expire_due_protections(1)$$, $$values (209::bigint)$$,
    'bug "head-of-line blocking": one expiry is found behind nine rows that are not due'
);
insert into leads (id, user_id, created_at) select i, 9, now() - interval '65 days' from generate_series(210, 219) as i;
insert into lead_activities (lead_id, user_id, activity_type, occurred_at) select i, 9, 'QUALIFIED_CALL', now() - interval '1 day' from generate_series(210, 218) as i;
update internal.lead_clocks set next_reminder_check_at = now() - interval '50 days' where lead_id between 210 and 218;
select results_eq(
    $$select lead_id from dispatch_due_reminders(1)$$, $$values (219::bigint)$$,
    'bug "a batch full of rows that are not due starves the rest"'
);
insert into leads (id, user_id, created_at) select i, 9, now() - interval '65 days' from generate_series(220, 229) as i;
select is(
    (select array_agg(n order by i) from (
        select i, (select count(*)::integer from dispatch_due_reminders(4 + 0 * i)) as n from generate_series(1, 4) as i) as x),
    '{4,4,2,0}'::integer[],
    'bug "the hundred oldest are fetched every night": runs of four come to ten'
);
select lives_ok(
    $$with l as (insert into leads (id, user_id) values (999999, 1) returning id) select id from l$$,
    'bug "the go-live check meets a policy that refuses the first insert"'
);

-- Storage and functions.
select is_empty(
    $$select p.oid::regprocedure
        from pg_proc as p
       where p.pronamespace in ('public'::regnamespace, 'internal'::regnamespace)
         and p.provolatile = 'i' and p.prosrc ~* '\mnow\(\)|clock_timestamp'$$,
    'bug "an immutable function reads the clock"'
);
select is_empty(
    $$select table_name, column_name from information_schema.columns
       where table_schema in ('public', 'internal') and data_type = 'timestamp without time zone'
         and table_name !~ 'yoyo' /* the migration tool's own */$$,
    'bug "local date-times everywhere": every moment is an instant'
);
select is_empty(
    $$select * from internal.lead_clocks where lead_id < 300 and protection_expires_at = 'infinity'$$,
    'bug "infinity stands for unknown"'
);
select is_empty($$select * from verify_lead_protection() where lead_id < 300 and lead_id not in (select generate_series(200, 218))$$,
    'bug "stored state drifts from its facts"');

select * from finish();
rollback;
