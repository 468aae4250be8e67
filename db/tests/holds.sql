-- The stop-clock: create_lead_hold, release_lead_hold, and the same rules for a direct insert.
-- As autovacuum leaves it while it is empty: plans then reckon with one row.
vacuum lead_holds;
begin;
select plan(89);
set local time zone 'Europe/Berlin';
set local client_min_messages = warning;

insert into leads (id, user_id, created_at) select i, 7, now() - interval '20 days' from generate_series(1, 20) as i;
insert into leads (id, user_id, created_at) values (30, 7, '2025-01-10 09:00');
create temp table seen as select coalesce(max(id), 0) as id from outbox;
create function pg_temp.events(p_lead_id bigint) returns setof text language sql as
$$ select event_type from public.outbox where lead_id = p_lead_id and id > (select id from seen) order by id $$;

-- Create.
call create_lead_hold(1, 7, 'price list is missing');
select results_eq(
    $$select user_id, reason, start_at, end_at, created_by, released_by, created_at from lead_holds where lead_id = 1$$,
    $$values (7::bigint, 'price list is missing', now(), null::timestamptz, null::bigint, null::bigint, now())$$,
    'three plain values make an open hold from now on'
);
select results_eq(
    $$select state, clock_stopped_since, hold_until from v_user_lead_protection where id = 1$$,
    $$values ('PROTECTED', now(), null::timestamptz)$$,
    'the view shows the clock stopped'
);
select lives_ok($$call create_lead_hold(1, 7, 'again')$$, 'a second hold is no error');
select is((select count(*)::integer from lead_holds where lead_id = 1), 1, 'and no second row');
select results_eq($$select pg_temp.events(1)$$, $$values ('lead.hold.created')$$, 'the hold is told once');
select results_eq(
    $$select payload ->> 'user_id', (payload -> 'metadata' ->> 'startAt')::timestamptz, payload -> 'metadata' ? 'endAt', payload -> 'metadata' ->> 'holdId'
        from (select payload::jsonb as payload from outbox where lead_id = 1 and event_type = 'lead.hold.created') as o$$,
    $$select '7', now(), false, id::text from lead_holds where lead_id = 1$$,
    'the event names the hold and when it began'
);
call create_lead_hold(lead_id => 2, user_id => 7, reason => 'recipe', actor_id => 99,
    start_at => now() - interval '48 hours', end_at => now() + interval '24 hours');
select results_eq(
    $$select start_at, end_at, created_by from lead_holds where lead_id = 2$$,
    $$values (now() - interval '48 hours', now() + interval '24 hours', 99::bigint)$$,
    'begin, planned end and actor are taken by name'
);
select results_eq(
    $$select clock_stopped_since, hold_until, base_expires_at from v_user_lead_protection where id = 2$$,
    $$values (now() - interval '48 hours', now() + interval '24 hours', now() - interval '20 days' + interval '6 months' + interval '72 hours')$$,
    'a planned hold is shown with its end and counts to it'
);
select lives_ok($$call create_lead_hold(2, 7, 'shorter', end_at => now() + interval '23 hours')$$, 'a hold inside an active one is a notice');
select is((select count(*)::integer from lead_holds where lead_id = 2), 1, 'and no row');
call create_lead_hold(2, 7, 'longer', end_at => now() + interval '25 hours');
select is((select count(*)::integer from lead_holds where lead_id = 2), 2, 'one that lasts longer is entered');
call create_lead_hold(2, 7, 'open');
select is((select count(*)::integer from lead_holds where lead_id = 2), 3, 'and so is an open one');
select results_eq(
    $$select clock_stopped_since, hold_until from v_user_lead_protection where id = 2$$,
    $$values (now() - interval '48 hours', null::timestamptz)$$,
    'merged they began with the first and have no planned end'
);
select is((select base_expires_at from v_user_lead_protection where id = 2), now() - interval '20 days' + interval '6 months' + interval '73 hours',
    'an open hold beside a planned release counts at least to that release');
call create_lead_hold(3, 7, 'positions', 99, now() - interval '10 hours', now() - interval '5 hours');
select is((select base_expires_at from v_user_lead_protection where id = 3), now() - interval '20 days' + interval '6 months' + interval '5 hours', 'a hold entered late, and over, counts');
select is((select clock_stopped_since from v_user_lead_protection where id = 3), null, 'and the clock runs');
call create_lead_hold(4, 7, 'no time', null, now(), now());
select is((select count(*)::integer from lead_holds where lead_id = 4), 1, 'a hold that ends as it begins is allowed');
select is((select clock_stopped_since from v_user_lead_protection where id = 4), null, 'and stops nothing');
call create_lead_hold(5, 7, 'skewed clock', start_at => now() + interval '4 minutes');
select is((select start_at from lead_holds where lead_id = 5), now(), 'four minutes ahead is clock skew: set to now');

-- What is refused.
select throws_ok($$call create_lead_hold(777, 7, 'x')$$, 'LP001', null, 'an unknown lead');
select throws_ok($$call create_lead_hold(null, 7, 'x')$$, 'LP001', null, 'no lead');
select throws_ok($$call create_lead_hold(6, 8, 'x')$$, 'LP002', null, 'a user who does not hold the protection');
select throws_ok($$call create_lead_hold(6, null, 'x')$$, 'LP002', null, 'no user');
select throws_ok($$call create_lead_hold(6, 7, '')$$, 'LP004', null, 'an empty reason');
select throws_ok($$call create_lead_hold(6, 7, E' \t\n\r ')$$, 'LP004', null, 'a reason of blanks and tabs');
select throws_ok(format('call create_lead_hold(6, 7, %L)', x.reason), 'LP004', null, 'a reason of ' || x.what)
  from (values
           (U&'\00A0\2003\3000\200B\FEFF', 'unicode blanks'), (U&'\00AD', 'soft hyphens'), (U&'\2800', 'empty braille'),
           (U&'\3164\115F\FFA0', 'empty hangul'), (U&'\202E\2066\061C', 'directions'), (U&'\2062\FE0F\034F', 'joiners')
       ) as x (reason, what);
select throws_ok($$call create_lead_hold(6, 7, null)$$, 'LP004', null, 'no reason');
select throws_ok($$call create_lead_hold(1, 7, '  ')$$, 'LP004', null, 'a blank reason while another hold is active');
select throws_ok($$call create_lead_hold(6, 7, 'x', null, now(), now() - interval '1 second')$$, 'LP005', null, 'an end before the start');
select throws_ok($$call create_lead_hold(1, 7, 'x', null, now(), now() - interval '1 second')$$, 'LP005', null, 'an end before the start while another hold is active');
select throws_ok($$call create_lead_hold(6, 7, 'x', start_at => now() + interval '6 minutes')$$, 'LP007', null, 'a start in the future');
select throws_ok($$call create_lead_hold(6, 7, 'x', start_at => '-infinity')$$, 'LP006', null, 'a start in eternity');
select throws_ok($$call create_lead_hold(6, 7, 'x', end_at => 'infinity')$$, 'LP006', null, 'an end in eternity');
select throws_ok($$call create_lead_hold(6, 7, 'x', end_at => '2101-01-01 00:00+00')$$, 'LP006', null, 'an end in another century');
select throws_ok($$call create_lead_hold(30, 7, 'x')$$, 'LP003', null, 'a protection that is over, recorded or not');
select lives_ok($$call create_lead_hold(30, 7, 'entered late', start_at => '2025-07-01', end_at => '2025-07-05')$$, 'a hold entered late but begun in time counts until the expiry is recorded');
select is((select base_expires_at from v_user_lead_protection where id = 30), timestamptz '2025-07-14 09:00', 'and moves the end');
select is((select count(*)::integer from lead_holds where lead_id = 6), 0, 'what is refused leaves nothing behind');

-- A direct insert.
select throws_ok($$insert into lead_holds (lead_id, user_id, reason) values (777, 7, 'x')$$, 'LP001', null, 'direct insert: unknown lead');
select throws_ok($$insert into lead_holds (lead_id, user_id, reason) values (6, 8, 'x')$$, 'LP002', null, 'direct insert: wrong user');
select throws_ok($$insert into lead_holds (lead_id, user_id, reason) values (30, 7, 'x')$$, 'LP003', null, 'direct insert: protection over');
select throws_ok($$insert into lead_holds (lead_id, user_id, reason) values (6, 7, E'\t')$$, 'LP004', null, 'direct insert: blank reason');
select throws_ok($$insert into lead_holds (lead_id, user_id, reason, start_at, end_at) values (6, 7, 'x', now(), now() - interval '1 second')$$, 'LP005', null, 'direct insert: end before start');
select lives_ok($$insert into lead_holds (lead_id, user_id, reason) values (6, 7, 'by the owner')$$, 'direct insert: a sound one is taken');
select throws_ok($$update lead_holds set reason = '  ' where lead_id = 6$$, 'LP004', null, 'an update is held to the same rules: reason');
select throws_ok($$update lead_holds set end_at = start_at - interval '1 second' where lead_id = 6$$, 'LP005', null, 'an update is held to the same rules: end');
select throws_ok($$update lead_holds set user_id = 8 where lead_id = 6$$, 'LP002', null, 'an update is held to the same rules: user');
select throws_ok($$update lead_holds set lead_id = 30 where lead_id = 6$$, 'LP003', null, 'an update is held to the same rules: lead');
select throws_ok($$update lead_holds set lead_id = 777 where lead_id = 6$$, 'LP001', null, 'an update is held to the same rules: unknown lead');
select lives_ok(
    $$insert into lead_holds (lead_id, user_id, reason) select i, 7, 'many at once' from generate_series(16, 20) as i$$,
    'a statement of many holds is taken'
);
select is((select count(*)::integer from v_user_lead_protection where id between 16 and 20 and clock_stopped_since = now()), 5, 'and stops every one of the clocks');
select throws_ok($$insert into lead_holds (lead_id, user_id, reason) values (6, null, 'x')$$, 'LP002', null, 'direct insert: no user');
select throws_ok($$insert into lead_holds (lead_id, user_id, reason) select i, 8 - (i - 16) / 4, 'x' from generate_series(16, 20) as i$$, 'LP002', null, 'one wrong among many refuses them all');
with l as (insert into leads (id, user_id) values (60, 7) returning id, user_id) insert into lead_holds (lead_id, user_id, reason) select id, user_id, 'x' from l;
select is((select clock_stopped_since from v_user_lead_protection where id = 60), now(), 'a lead and its hold come in one statement');
insert into leads (id, user_id, created_at) values (61, 7, now() - interval '7 months'), (62, 7, now() - interval '7 months');
insert into lead_holds (lead_id, user_id, reason, start_at, end_at) values
    (61, 7, 'saves it', now() - interval '4 months', now() - interval '10 days'), (61, 7, 'then', now() - interval '5 days', null),
    (62, 7, 'then', now() - interval '5 days', null), (62, 7, 'saves it', now() - interval '4 months', now() - interval '10 days');
select results_eq('select id, state, clock_stopped_since from v_user_lead_protection where id in (61, 62) order by id',
    $$values (61::bigint, 'REMINDER_DUE', now() - interval '5 days'), (62, 'REMINDER_DUE', now() - interval '5 days')$$,
    'of two holds in a statement each sees the other, in any order');
-- A reminder sent long before its day, whose ten days have ended the protection: a hold from then on would move that day.
insert into leads (id, user_id, created_at) select i, 7, now() - interval '30 days' from generate_series(63, 64) as i;
insert into lead_reminders (lead_id, user_id, reminder_type, window_start, sent_at)
select id, 7, 'INACTIVITY', reminder_due_at::date, now() - interval '20 days' from v_user_lead_protection where id in (63, 64);
select is((select max(protection_expires_at) from v_user_lead_protection where id in (63, 64)), now() - interval '10 days', 'protection has ended with that grace');
insert into lead_holds (id, lead_id, user_id, reason, start_at, end_at) values (6400, 64, 7, 'x', now() - interval '25 days', now() - interval '25 days');
select throws_ok($$insert into lead_holds (lead_id, user_id, reason, start_at, end_at) values (63, 7, 'x', now() - interval '10 days', now() - interval '5 days')$$,
    'LP003', null, 'a hold is no reason for itself');
select throws_ok($$update lead_holds set start_at = now() - interval '10 days', end_at = now() - interval '5 days' where id = 6400$$,
    'LP003', null, 'nor is a corrected one');
select throws_ok($$insert into lead_holds (lead_id, user_id, reason, start_at, end_at) select 63, 7, 'x', now() - interval '10 days', now() - interval '5 days' from generate_series(1, 2)$$,
    'LP003', null, 'nor is one for another that begins with it');
insert into lead_holds (lead_id, user_id, reason, start_at, end_at) values (64, 7, 'x', now() - interval '25 days', now() - interval '25 days');
select throws_ok($$update lead_holds set start_at = now() - interval '10 days', end_at = now() - interval '5 days' where lead_id = 64$$,
    'LP003', null, 'nor are two that are corrected');
insert into lead_holds (id, lead_id, user_id, reason, start_at, end_at) values (6300, 63, 7, 'x', now() - interval '11 days', now() - interval '5 days');
select results_eq($$select counts_from, (select state from v_user_lead_protection where id = 63) from lead_holds where id = 6300$$,
    $$values (null::timestamptz, 'PROTECTED')$$, 'one from before the end counts');
insert into leads (id, user_id, created_at) values (65, 7, now() - interval '30 days');
insert into lead_holds (id, lead_id, user_id, reason, start_at, end_at) values (6500, 65, 7, 'x', now() - interval '10 days', now() - interval '10 days');
insert into lead_reminders (lead_id, user_id, reminder_type, window_start, sent_at)
select 65, 7, 'INACTIVITY', reminder_due_at::date, now() - interval '20 days' from v_user_lead_protection where id = 65;
update lead_holds set end_at = now() - interval '5 days' where id = 6500;
select lives_ok($$insert into lead_holds (lead_id, user_id, reason, start_at) values (65, 7, 'x', now() - interval '10 days')$$,
    'one that was there before is a reason, also from the same moment');

-- Release.
call release_lead_hold(2, 7, 98);
select results_eq(
    $$select distinct end_at, released_by from lead_holds where lead_id = 2$$, $$values (now(), 98::bigint)$$,
    'release ends every active hold now, planned ones too'
);
select is((select clock_stopped_since from v_user_lead_protection where id = 2), null, 'the clock runs again');
select is((select base_expires_at from v_user_lead_protection where id = 2), now() - interval '20 days' + interval '6 months' + interval '48 hours', 'longer by the held time');
select results_eq($$select pg_temp.events(2)$$,
    $$values ('lead.hold.created'), ('lead.hold.created'), ('lead.hold.created'), ('lead.hold.released'), ('lead.hold.released'), ('lead.hold.released')$$,
    'each release is told');
select lives_ok($$call release_lead_hold(2, 7)$$, 'a second release is a notice');
select is((select count(*)::integer from pg_temp.events(2)), 6, 'and tells nothing');
select lives_ok($$call release_lead_hold(7, 7)$$, 'releasing a lead that is not on hold is a notice');
select throws_ok($$call release_lead_hold(777, 7)$$, 'LP001', null, 'release: unknown lead');
select throws_ok($$call release_lead_hold(1, 8)$$, 'LP002', null, 'release: wrong user');
call create_lead_hold(8, 7, 'earlier', start_at => now() - interval '30 hours', end_at => now() - interval '20 hours');
call create_lead_hold(8, 7, 'now', start_at => now() - interval '10 hours');
call release_lead_hold(lead_id => 8, user_id => 7, actor_id => 5);
select results_eq(
    $$select end_at, released_by from lead_holds where lead_id = 8 order by start_at$$,
    $$values (now() - interval '20 hours', null::bigint), (now(), 5)$$,
    'a hold that was over keeps its end'
);
update lead_holds set end_at = now() - interval '5 hours' where lead_id = 8 and end_at = now();
select is((select base_expires_at from v_user_lead_protection where id = 8), now() - interval '20 days' + interval '6 months' + interval '15 hours', 'a corrected release counts as corrected');
insert into lead_holds (lead_id, user_id, reason, start_at) values (9, 7, 'open', now() - interval '10 hours');
delete from lead_holds where lead_id = 9;
select results_eq($$select pg_temp.events(9)$$, $$values ('lead.hold.created'), ('lead.hold.released')$$, 'deleting an open hold lets the clock run, and that is told');
select is((select base_expires_at from v_user_lead_protection where id = 9), now() - interval '20 days' + interval '6 months', 'as if it had not been');
call create_lead_hold(9, 7, 'x');
call release_lead_hold(9, 7);
delete from lead_holds where lead_id = 9;
select results_eq($$select pg_temp.events(9) offset 2$$, $$values ('lead.hold.created'), ('lead.hold.released')$$, 'deleting one that has just been released is not told again');
insert into leads (id, user_id, created_at) values (41, 7, now() - interval '20 days');
call create_lead_hold(41, 7, 'x', start_at => now() - interval '1 hour');
call create_lead_hold(41, 7, 'y', start_at => now() - interval '5 hours');
select is((select base_expires_at from v_user_lead_protection where id = 41), now() - interval '20 days' + interval '6 months' + interval '5 hours', 'a hold does not cover one that begins before it');

-- As long as its contract allows is not too long.
insert into protection_policies (policy, max_hold, valid_from) values ('ten days', '240 hours', '2020-01-01');
insert into sales_users (user_id, policy) values (42, 'ten days');
insert into leads (id, user_id, created_at) values (42, 42, now() - interval '20 days');
create temp table held as select overrun from internal.count_holds(now());
insert into lead_holds (lead_id, user_id, reason, start_at) values (42, 42, 'x', now() - interval '240 hours');
select is((select h.overrun - b.overrun from internal.count_holds(now()) as h, held as b), 0::bigint, 'a hold is not overrun at its end');
update lead_holds set start_at = start_at - interval '1 microsecond' where lead_id = 42;
select is((select h.overrun - b.overrun from internal.count_holds(now()) as h, held as b), 1::bigint, 'and is after it');

-- A hold and what waits for the clock.
insert into leads (id, user_id, created_at) values (40, 7, now() - interval '61 days');
select is((select state from v_user_lead_protection where id = 40), 'REMINDER_DUE', 'a lead that has been due for a day');
call create_lead_hold(40, 7, 'x');
select is((select state from v_user_lead_protection where id = 40), 'REMINDER_DUE', 'stays due on hold');
select is((select count(*)::integer from dispatch_due_reminders(100) where lead_id = 40), 0, 'but none is reminded while on hold');
call release_lead_hold(40, 7);
select is((select count(*)::integer from dispatch_due_reminders(100) where lead_id = 40), 1, 'and is reminded once the hold is released');
select is_empty($$select * from verify_lead_protection() where lead_id <= 40$$, 'what is stored is what the facts come to');

select * from finish();
rollback;
