-- "Why?": every fact in time order, what it did, and an answer that agrees with the view.
begin;
select plan(34);
set local time zone 'Europe/Berlin';
set local client_min_messages = warning;

insert into leads (id, user_id, created_at) values (4711, 7, '2026-01-10 09:00');
insert into lead_activities (lead_id, user_id, activity_type, occurred_at) values
    (4711, 7, 'QUALIFIED_CALL', '2026-02-20 15:00'), (4711, 7, 'EMAIL_SENT', '2026-02-21 15:00'),
    (4711, 8, 'QUALIFIED_CALL', '2026-02-22 15:00'), (4711, 7, 'CUSTOMER_REACTION', '2026-05-12 10:00');
insert into lead_holds (lead_id, user_id, reason, start_at, end_at) values
    (4711, 7, 'price list', '2026-03-02 08:00', '2026-03-16 08:00'), (4711, 7, 'recipe', '2026-03-10 08:00', '2026-03-12 08:00'), (4711, 7, 'empty', '2026-03-20 08:00', '2026-03-20 08:00');
insert into lead_reminders (lead_id, user_id, window_start, due_at, sent_at) values (4711, 7, '2026-05-05', '2026-05-05 15:00', '2026-05-05 15:04');
insert into lead_extensions (lead_id, user_id, extension, reason, granted_at) values (4711, 7, '1 day', 'x', '2026-06-01 09:00');

select results_eq(
    $$select at, clock, reminder_due_at, protection_expires_at from explain_lead_protection(4711, '2026-06-02')$$,
    $$values (timestamptz '2026-01-10 09:00', 'RUNNING', timestamptz '2026-03-11 09:00', timestamptz '2026-03-21 09:00'),
             ('2026-02-20 15:00', 'RUNNING', '2026-04-21 15:00', '2026-05-01 15:00'),
             ('2026-02-21 15:00', 'RUNNING', '2026-04-21 15:00', '2026-05-01 15:00'),
             ('2026-02-22 15:00', 'RUNNING', '2026-04-21 15:00', '2026-05-01 15:00'),
             ('2026-03-02 08:00', 'STOPPED', '2026-05-05 15:00', '2026-05-15 15:00'),
             ('2026-03-10 08:00', 'STOPPED', '2026-05-05 15:00', '2026-05-15 15:00'),
             ('2026-03-12 08:00', 'STOPPED', '2026-05-05 15:00', '2026-05-15 15:00'),
             ('2026-03-16 08:00', 'RUNNING', '2026-05-05 15:00', '2026-05-15 15:00'),
             ('2026-03-20 08:00', 'RUNNING', '2026-05-05 15:00', '2026-05-15 15:00'),
             ('2026-05-05 15:04', 'RUNNING', '2026-05-05 15:00', '2026-05-15 15:04'),
             ('2026-05-12 10:00', 'RUNNING', '2026-07-11 10:00', '2026-07-21 10:00'),
             ('2026-06-01 09:00', 'RUNNING', '2026-07-11 10:00', '2026-07-21 10:00'),
             ('2026-06-02', 'RUNNING', '2026-07-11 10:00', '2026-07-21 10:00')$$,
    'the worked example is told fact by fact, with both deadlines as they then stood'
);
select results_eq(
    $$select kind, user_id, counts from explain_lead_protection(4711, '2026-06-02') order by step$$,
    $$values ('START', 7::bigint, true), ('ACTIVITY', 7, true), ('OTHER_ACTIVITY', 7, false), ('ACTIVITY', 8, false), ('HOLD', 7, true), ('HOLD', 7, true), ('RELEASE', 7, true),
             ('RELEASE', 7, true), ('EMPTY_HOLD', 7, false), ('REMINDER_INACTIVITY', 7, true), ('ACTIVITY', 7, true), ('EXTENSION', 7, true), ('ANSWER', 7, true)$$,
    'for programs each step says its kind, whose it was and whether it counts'
);
select is_empty($$select * from explain_lead_protection(4711) where counts is distinct from (effect !~ 'does not count|counts nothing')$$, 'and says so exactly where the words do');
select is((select array_agg(step) from explain_lead_protection(4711)), array(select generate_series(1, (select count(*)::integer from explain_lead_protection(4711)))), 'steps are numbered from one');
select is_empty($$select * from explain_lead_protection(4711) where fact is null or effect is null or clock not in ('RUNNING', 'STOPPED', 'ENDED')$$, 'each says what it was and what it did');
select is((select count(*)::integer from explain_lead_protection(4711) where effect ~ '^does not count'), 2, 'what does not count is told as well');
select results_eq(
    $$select at, clock, protection_expires_at from explain_lead_protection(4711) order by step desc limit 1$$,
    $$values (now(), 'ENDED', timestamptz '2026-07-25 09:00')$$,
    'an expiry nobody has recorded shows in the answer'
);
select is((select count(*)::integer from explain_lead_protection(4711) where at = '2026-07-25 09:00' and clock = 'ENDED'), 1, 'and as a step of its own');
create temp table told as select * from explain_lead_protection(4711);
select is((select count(*)::integer from expire_due_protections(10) where lead_id = 4711), 1, 'recording it');
select results_eq('select * from explain_lead_protection(4711)', 'select * from told', 'changes not a word');

-- The last row agrees with the view, whatever state the lead is in.
insert into leads (id, user_id, created_at) values
    (1, 7, now() - interval '10 days'), (2, 7, now() - interval '65 days'), (3, 7, now() - interval '65 days'), (4, 7, now() - interval '65 days'),
    (5, 7, now() - interval '65 days'), (6, 7, now() - interval '10 days'), (7, 7, now() - interval '7 months'), (8, 7, now() - interval '7 months'),
    (9, 7, now() - interval '10 days'), (10, 7, now());
insert into lead_reminders (lead_id, user_id, window_start, due_at, sent_at)
select v.id, 7, timezone('Europe/Berlin', v.reminder_due_at)::date, v.reminder_due_at, now() - interval '2 days' from v_user_lead_protection as v where v.id in (3, 4);
insert into lead_holds (lead_id, user_id, reason, start_at, end_at) values (4, 7, 'x', now() - interval '1 day', null), (5, 7, 'x',
    now() - interval '30 days', null), (9, 7, 'x', now() - interval '1 day', now() + interval '1 day');
update leads set converted_at = now() where id = 6;
call reinstate_lead_protection(8, 7, 'x');
update leads set user_id = 8 where id = 1;
select results_eq(
    $$select id, state from v_user_lead_protection where id <= 10 order by id$$,
    $$values (1::bigint, 'PROTECTED'), (2, 'REMINDER_DUE'), (3, 'GRACE'), (4, 'GRACE'), (5, 'PROTECTED'), (6, 'CONVERTED'), (7, 'EXPIRED'), (8, 'PROTECTED'), (9, 'PROTECTED'), (10, 'PROTECTED')$$,
    'ten leads in every state'
);
select results_eq(
    $$select v.id, e.at, e.reminder_due_at, e.protection_expires_at, e.clock
        from v_user_lead_protection as v
       cross join lateral (select * from explain_lead_protection(v.id) order by step desc limit 1) as e
       where v.id <= 10 order by v.id$$,
    $$select v.id, now(), v.reminder_due_at, v.protection_expires_at,
             case when v.state in ('EXPIRED', 'CONVERTED') then 'ENDED' when v.clock_stopped_since is not null then 'STOPPED' else 'RUNNING' end
        from v_user_lead_protection as v where v.id <= 10 order by v.id$$,
    'the last row agrees with the view'
);
select is_empty(
    $$select d, l.id from generate_series(now() - interval '220 days', now() + interval '200 days', interval '17 days') as d
       cross join (select id from leads where id <= 10) as l
       cross join lateral (select * from explain_lead_protection(l.id, d) order by step desc limit 1) as e
        left join lateral lead_protection_at(l.id, d) as p on true
       where (e.reminder_due_at, e.protection_expires_at) is distinct from (p.reminder_due_at, p.protection_expires_at)$$,
    'and with the answer of any past or future moment'
);
select is_empty(
    $$select e.lead_id from (select v.id as lead_id, x.at, lag(x.at) over (partition by v.id order by x.step) as before
        from v_user_lead_protection as v cross join lateral explain_lead_protection(v.id) as x) as e where e.at < e.before$$,
    'steps stand in the order of time'
);
select results_eq(
    $$select lead_id, step, at, fact, effect, clock, reminder_due_at, protection_expires_at, kind, user_id, counts from v_lead_timeline where lead_id = 3 order by step$$,
    $$select 3::bigint, * from explain_lead_protection(3) order by step$$,
    'v_lead_timeline is the same as a view'
);
select results_eq($$select clock, effect from explain_lead_protection(10, now() - interval '1 day')$$, $$values ('ENDED', 'not registered yet')$$, 'before its registration there is nothing to tell');
select throws_ok('select * from explain_lead_protection(777)', 'LP001', null, 'an unknown lead is refused');
select throws_ok('select * from explain_lead_protection(null)', 'LP001', null, 'and none');
select throws_ok($$select * from explain_lead_protection(1, 'infinity')$$, 'LP006', null, 'and an eternal moment');
select lives_ok('select * from explain_lead_protection(lead_id => 1, at => null)', 'parameters are taken by name; null is now');
insert into leads (id, user_id, created_at) values (20, 7, now() - interval '5 days');
call create_lead_hold(20, 7, $x$'; drop table leads; -- %s %1$s %n$x$);
select is((select count(*)::integer from explain_lead_protection(20) where fact like $x$%'; drop table leads; -- \%s \%1$s \%n$x$), 1, 'a hostile reason is told as it is');

-- A hold that began before there was anything to stop.
insert into leads (id, user_id, created_at) values (21, 7, now() - interval '30 days');
insert into lead_holds (lead_id, user_id, reason, start_at, end_at) values (21, 7, 'ended before', now() - interval '60 days', now() - interval '50 days'),
    (21, 7, 'reaches in', now() - interval '40 days', now() - interval '20 days');
update leads set user_id = 8 where id = 20;
insert into lead_holds (lead_id, user_id, reason, start_at) values (20, 8, 'before the hand-over', now() - interval '1 day');
select results_eq(
    $$select fact, effect, clock, counts from explain_lead_protection(21) where step < 6$$,
    $$values ('hold: ended before', 'counts nothing: no time of a protection of its user lies in it', 'ENDED', false),
             ('hold released: ended before', 'no protection had started', 'ENDED', false),
             ('hold: reaches in', 'stops no clock yet: no protection had started', 'ENDED', true),
             ('lead registered by user 7', 'protection of user 7 starts, on hold', 'STOPPED', true),
             ('hold released: reaches in', 'the clocks run again after 10.00 days on hold', 'RUNNING', true)$$,
    'a hold counts from the start of the protection, and is told so');
select results_eq(
    $$select effect from explain_lead_protection(20) where fact in ('hold: before the hand-over', 'lead handed over to user 8')$$,
    $$values ('stops no clock yet: user 7 holds the protection'), ('protection of user 8 starts, on hold')$$,
    'or from the hand-over');
insert into leads (id, user_id, created_at) values (26, 7, now() - interval '200 days');
call reinstate_lead_protection(26, 7, 'x');
insert into lead_holds (lead_id, user_id, reason, start_at, end_at) values
    (26, 7, 'in the time that is over', now() - interval '100 days', null), (26, 7, 'in the gap', now() - interval '3 days', null),
    (26, 7, 'only over', now() - interval '99 days', now() - interval '98 days'), (26, 7, 'only in the gap', now() - interval '2 days', now() - interval '1 day');
select results_eq(
    $$select fact, effect, counts from explain_lead_protection(26) where kind in ('HOLD', 'EMPTY_HOLD')$$,
    $$values ('hold: in the time that is over', 'stops no clock yet: entered after the expiry was recorded', true),
             ('hold: only over', 'does not count: entered after the expiry was recorded', false),
             ('hold: in the gap', 'stops no clock yet: protection was over', true),
             ('hold: only in the gap', 'counts nothing: no time of a protection of its user lies in it', false)$$,
    'or from the reinstatement, whenever it began');
select is((select effect from explain_lead_protection(26) where fact = 'protection reinstated for user 7'), 'protection of user 7 starts, on hold', 'which starts on hold');

-- What happens at one moment is told in the order in which it happened, and what one fact did no other does again.
insert into leads (id, user_id, created_at, converted_at) values (22, 7, '2026-03-01 09:00', '2026-03-01 09:00');
select results_eq(
    $$select kind from explain_lead_protection(22)$$, $$values ('START'), ('END'), ('ANSWER')$$,
    'a lead converted when it was registered was registered first'
);
insert into leads (id, user_id, created_at) values (23, 7, now() - interval '1 day');
update leads set user_id = 8 where id = 23;
update leads set user_id = 9 where id = 23;
update leads set user_id = 7 where id = 23;
select results_eq(
    $$select kind, user_id from explain_lead_protection(23)$$,
    $$values ('START', 7::bigint), ('END', 7), ('START', 8), ('END', 8), ('START', 9), ('END', 9), ('START', 7), ('ANSWER', 7)$$,
    'hand-overs of one moment stand in their order: the last is to the user who has the lead'
);
insert into leads (id, user_id, created_at) values (24, 7, '2026-03-01 09:00');
insert into lead_holds (lead_id, user_id, reason, start_at, end_at) values (24, 7, 'ends at the start', '2026-03-05 09:00', '2026-03-15 09:00');
update leads set created_at = '2026-03-15 09:00' where id = 24;
select is_empty($$select * from explain_lead_protection(24) where kind in ('EMPTY_HOLD', 'RELEASE') and counts$$, 'the end of a hold that stopped no clock starts none');
insert into leads (id, user_id, created_at) values (25, 7, '2026-03-01 09:00');
insert into lead_holds (lead_id, user_id, reason, start_at, end_at) select 25, 7, 'x', '2026-03-10 09:00', d from unnest(array['2026-03-11 09:00', '2026-03-12 09:00']::timestamptz[]) as d;
insert into lead_reminders (lead_id, user_id, window_start, sent_at) select 25, 7, d, '2026-05-02 09:30' from unnest(array['2026-05-01', '2026-05-02', '2026-05-03']::date[]) as d;
insert into lead_activities (lead_id, user_id, activity_type, occurred_at) select 25, 7, 'QUALIFIED_CALL', '2026-05-04 09:00' from generate_series(1, 2);
select results_eq(
    $$select fact, effect from explain_lead_protection(25, '2026-05-05') where kind in ('HOLD', 'REMINDER_INACTIVITY', 'ACTIVITY')$$,
    $$values ('hold: x', 'stops the clocks'), ('hold: x', 'the clocks are stopped already: overlapping time counts once'),
             ('reminder sent (window 2026-05-03)', 'starts the grace period'), ('reminder sent (window 2026-05-02)', 'does not count: a grace period runs'),
             ('reminder sent (window 2026-05-01)', 'does not count: a grace period runs'),
             ('QUALIFIED_CALL by user 7', 'ends the grace period and restarts the activity clock'), ('QUALIFIED_CALL by user 7', 'restarts the activity clock')$$,
    'two holds, reminders or activities of one moment do their work once'
);
insert into leads (id, user_id, created_at) values (27, 7, now() - interval '65 days'), (28, 7, now() - interval '9 days'), (29, 7, now() - interval '9 days');
insert into lead_reminders (lead_id, user_id, window_start, due_at, sent_at)
select v.id, 7, timezone('Europe/Berlin', v.reminder_due_at)::date, v.reminder_due_at, now() - interval '1 day' from v_user_lead_protection as v where v.id = 27;
insert into lead_holds (lead_id, user_id, reason, start_at) values (28, 7, 'of the former', now() - interval '8 days');
update leads set user_id = 8 where id in (27, 28, 29);
select record_qualified_activity(27, 8);
call create_lead_hold(28, 8, 'of the new');
insert into lead_holds (lead_id, user_id, reason, start_at) values (28, 8, 'and again', now()), (29, 8, 'ahead', now() - interval '5 days');
select is((select effect from explain_lead_protection(27) where kind = 'ACTIVITY'), 'restarts the activity clock', 'a grace that the hand-over ended is not ended by the new user''s call');
select results_eq(
    $$select fact, effect from explain_lead_protection(28) where kind = 'HOLD' and user_id = 8$$,
    $$values ('hold: of the new', 'stops the clocks'), ('hold: and again', 'the clocks are stopped already: overlapping time counts once')$$,
    'nor are clocks that start now stopped already by the former user''s hold');
update lead_protection_periods set ended_at = now() - interval '2 days' where lead_id = 29 and user_id = 7;
update lead_protection_periods set started_at = now() - interval '2 days' where lead_id = 29 and user_id = 8;
update leads set user_id = 7 where id = 29;
insert into lead_holds (lead_id, user_id, reason, start_at, end_at) values (29, 7, 'at once', now() - interval '5 days', now() - interval '3 days');
select results_eq(
    $$select fact, effect from explain_lead_protection(29) where kind = 'HOLD'$$,
    $$values ('hold: ahead', 'stops no clock yet: user 7 holds the protection'), ('hold: at once', 'stops the clocks')$$,
    'nor by one that stops none yet');
-- What is dated at the moment that is asked for is there.
insert into leads (id, user_id, created_at) values (90, 7, now() - interval '1 day');
insert into lead_holds (lead_id, user_id, reason, start_at) values (90, 7, 'x', now() - interval '1 hour');
call release_lead_hold(90, 7);
call extend_lead_protection(90, 7, '1 month', 'x');
select record_qualified_activity(90, 7);
call create_lead_hold(90, 7, 'y');
select results_eq('select kind from explain_lead_protection(90) where at = now()', $$values ('EXTENSION'), ('ACTIVITY'), ('RELEASE'), ('HOLD'), ('ANSWER')$$, 'in the order in which it counts');

set local datestyle = 'German';
set local intervalstyle = 'iso_8601';
select set_eq(
    $$select fact from explain_lead_protection(4711) where kind in ('REMINDER_INACTIVITY', 'EXTENSION')$$,
    array['reminder sent (window 2026-05-05)', 'extension of 1 day'], 'the words are the same in every session');

select * from finish();
rollback;
