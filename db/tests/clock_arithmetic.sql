-- Page 1, Clock arithmetic: calendar intervals in the policy's zone, holds in elapsed seconds.
begin;
select plan(40);
set local time zone 'Europe/Berlin';

-- Months and days.
insert into leads (id, user_id, created_at) values
    (1, 7, '2024-08-31 10:00'),
    (2, 7, '2023-08-31 10:00'),
    (3, 7, '2024-02-29 10:00'),
    (4, 7, '2025-02-10 09:00'),
    (5, 7, '2025-01-29 02:30'),
    (6, 7, '2025-08-27 02:30'),
    (7, 7, '2024-09-30 02:30'),
    (8, 7, '2024-12-31 12:00'),
    (9, 7, '2024-08-25 12:00');

create function pg_temp.b(p_lead_id bigint, p_at timestamptz) returns timestamptz language sql as
$$ select base_expires_at from public.lead_protection_at(p_lead_id, p_at) $$;
create function pg_temp.r(p_lead_id bigint, p_at timestamptz) returns timestamptz language sql as
$$ select reminder_due_at from public.lead_protection_at(p_lead_id, p_at) $$;

select is(pg_temp.b(1, '2024-09-01'), timestamptz '2025-02-28 10:00', '31 August + 6 months is 28 February');
select is(pg_temp.b(2, '2023-09-01'), timestamptz '2024-02-29 10:00', '31 August + 6 months is 29 February in a leap year');
select is(pg_temp.b(3, '2024-03-01'), timestamptz '2024-08-29 10:00', '29 February + 6 months is 29 August');
select is(pg_temp.r(3, '2024-03-01'), timestamptz '2024-04-29 10:00', '60 days are calendar days, over a DST change too');
select is(pg_temp.r(4, '2025-02-11'), timestamptz '2025-04-11 07:00+00', 'a deadline keeps its wall-clock hour: 09:00 winter time is 09:00 summer time');
select is(pg_temp.b(4, '2025-02-11'), timestamptz '2025-08-10 07:00+00', 'the base expiry keeps its wall-clock hour too');
select is(pg_temp.r(5, '2025-02-01'), timestamptz '2025-03-30 01:30+00', 'a deadline in the DST gap, 02:30, is 03:30 summer time');
select is(pg_temp.r(6, '2025-09-01'), timestamptz '2025-10-26 01:30+00', 'a deadline in the double hour is the second 02:30');
select is(pg_temp.b(7, '2024-10-01'), timestamptz '2025-03-30 01:30+00', 'a base expiry in the DST gap resolves the same way');

-- Extensions.
insert into lead_extensions (lead_id, user_id, extension, reason, granted_at) values
    (8, 7, '1 month', 'tasting postponed', '2025-01-10'),
    (8, 7, '1 month', 'tasting postponed again', '2025-02-10'),
    (9, 7, '10 days', 'trade fair', '2024-09-10'),
    (3, 7, '6 months', 'tender', '2024-03-10');
select is(pg_temp.b(8, '2025-02-01'), timestamptz '2025-07-31 12:00', 'one month of extension: 31 December + 7 months');
select is(pg_temp.b(8, '2025-03-01'), timestamptz '2025-08-31 12:00', 'extensions are summed and added once: 31 December + 8 months, not 30 August');
select is(pg_temp.b(9, '2024-09-11'), timestamptz '2025-03-07 12:00', 'months are added before days: 25 August + (6 months + 10 days) is 7 March');
select is(pg_temp.b(3, '2024-03-11'), timestamptz '2025-02-28 10:00', '29 February + 12 months is 28 February');

-- Holds.
insert into leads (id, user_id, created_at)
select i, 7, '2025-01-10 09:00' from generate_series(20, 35) as i;

insert into lead_holds (lead_id, user_id, reason, start_at, end_at) values
    (20, 7, 'price list', '2025-02-01 08:00', '2025-02-11 08:00'),
    (20, 7, 'recipe', '2025-02-06 08:00', '2025-02-16 08:00'),
    (21, 7, 'price list', '2025-02-01 08:00', '2025-02-11 08:00'),
    (21, 7, 'the same again', '2025-02-01 08:00', '2025-02-11 08:00'),
    (22, 7, 'price list', '2025-02-01 08:00', '2025-02-11 08:00'),
    (22, 7, 'touching', '2025-02-11 08:00', '2025-02-21 08:00'),
    (23, 7, 'a DST night', '2025-03-29 12:00', '2025-03-31 12:00'),
    (24, 7, 'no time at all', '2025-02-01 08:00', '2025-02-01 08:00'),
    (25, 7, 'placed after R', '2025-03-12 09:00', '2025-04-01 09:00'),
    (26, 7, 'exactly at R', '2025-03-11 09:00', '2025-03-21 09:00'),
    (27, 7, 'a microsecond before R', '2025-03-11 08:59:59.999999', '2025-03-21 08:59:59.999999'),
    (28, 7, 'inside another', '2025-02-01 08:00', '2025-02-21 08:00'),
    (28, 7, 'inside', '2025-02-05 08:00', '2025-02-06 08:00'),
    (33, 7, 'before R', '2025-02-01 08:00', '2025-02-11 08:00'),
    (33, 7, 'exactly at R as it then was', '2025-03-21 09:00', '2025-03-24 09:00'),
    (33, 7, 'after it', '2025-03-25 08:00', '2025-03-28 08:00'),
    (34, 7, 'before R', '2025-02-01 08:00', '2025-02-11 08:00'),
    (34, 7, 'before R as it then was', '2025-03-15 08:00', '2025-03-20 08:00');

select is(pg_temp.b(20, '2025-06-01'), timestamptz '2025-07-25 09:00', 'overlapping holds count once: 15 days, not 20');
select is(pg_temp.r(20, '2025-06-01'), timestamptz '2025-03-26 09:00', 'overlapping holds count once for the activity clock too');
select is(pg_temp.b(21, '2025-06-01'), timestamptz '2025-07-20 09:00', 'two identical holds count once');
select is(pg_temp.b(22, '2025-06-01'), timestamptz '2025-07-30 09:00', 'holds that touch add up');
select is(pg_temp.b(23, '2025-06-01'), timestamptz '2025-07-12 08:00', 'held time is elapsed time: two days over the spring change are 47 hours');
select is(pg_temp.b(24, '2025-06-01'), timestamptz '2025-07-10 09:00', 'a hold that ends as it starts is allowed and counts nothing');
select is(pg_temp.b(28, '2025-06-01'), timestamptz '2025-07-30 09:00', 'a hold inside another adds nothing');
select is(pg_temp.r(25, '2025-03-20'), timestamptz '2025-03-11 09:00', 'a hold after the deadline revives nothing: R had passed and stays');
select is(pg_temp.b(25, '2025-04-02'), timestamptz '2025-07-30 08:00', 'the clock that still ran is stopped by that same hold');
select is(pg_temp.r(26, '2025-03-22'), timestamptz '2025-03-11 09:00', 'a hold that starts exactly at the deadline is too late');
select is(pg_temp.r(27, '2025-03-22'), timestamptz '2025-03-21 09:00', 'a hold one microsecond before the deadline counts in full');
select is(pg_temp.r(33, '2025-04-01'), timestamptz '2025-03-21 09:00', 'of three holds one comes before the deadline, the others at it and after it: the first counts alone');
select is(pg_temp.r(34, '2025-04-01'), timestamptz '2025-03-26 09:00', 'the other counts, too, where the first has moved the deadline past its start');

-- A hold that lies past B once the extension is taken back.
insert into lead_extensions (lead_id, user_id, extension, reason, granted_at) values (29, 7, '1 month', 'tender', '2025-02-01');
insert into lead_holds (lead_id, user_id, reason, start_at, end_at) values (29, 7, 'late', '2025-07-20 08:00', '2025-07-30 08:00');
select is(pg_temp.b(29, '2025-08-01'), timestamptz '2025-08-20 09:00', 'a hold inside the extension prolongs it');
delete from lead_extensions where lead_id = 29;
select results_eq(
    $$select base_expires_at, state from lead_protection_at(29, '2025-07-25')$$,
    $$values (timestamptz '2025-07-10 09:00', 'EXPIRED')$$,
    'a hold after the base expiry revives nothing, however it came to lie there'
);

-- A hold that began before the period.
insert into lead_holds (lead_id, user_id, reason, start_at, end_at) values (30, 7, 'early', '2025-01-12 09:00', '2025-01-22 09:00');
update leads set created_at = '2025-01-17 09:00' where id = 30;
select is(pg_temp.b(30, '2025-02-01'), timestamptz '2025-07-22 09:00', 'a hold that began before the period counts only from its start: 5 days');
select is(
    (select clock_stopped_since from lead_protection_at(30, '2025-01-20')), timestamptz '2025-01-17 09:00',
    'and it is shown as stopping the clock from there'
);

-- An open hold beside a planned release: a reminder sent before R no longer counts as soon as R is known to lie days ahead.
insert into lead_reminders (lead_id, user_id, window_start, due_at, sent_at) values (35, 7, '2025-03-11', '2025-03-11 09:00', '2025-03-11 08:00');
select is((select state from lead_protection_at(35, '2025-03-11 08:20')), 'GRACE', 'a reminder sent on the day of R and before R counts');
insert into lead_holds (lead_id, user_id, reason, start_at, end_at) values
    (35, 7, 'open', '2025-03-11 08:30', null),
    (35, 7, 'planned', '2025-03-11 08:30', '2025-03-21 08:30');
select results_eq(
    $$select state, reminder_due_at, reminder_sent_at from lead_protection_at(35, '2025-03-11 08:40')$$, $$values ('PROTECTED', timestamptz '2025-03-21 09:00', null::timestamptz)$$,
    'not once the clock is known to stand still beyond that day');

-- Planned release and open hold.
insert into lead_holds (lead_id, user_id, reason, start_at, end_at) values
    (31, 7, 'planned', '2025-02-01 09:00', '2025-02-21 09:00'),
    (32, 7, 'open', '2025-02-01 09:00', null);
select is(pg_temp.b(31, '2025-02-02'), timestamptz '2025-07-30 09:00', 'a planned hold counts to its known end while it runs');
select is(pg_temp.b(31, '2025-01-31'), timestamptz '2025-07-10 09:00', 'before it starts it does not exist');
select results_eq(
    $$select x.at, pg_temp.b(32, x.at), pg_temp.r(32, x.at), p.days_remaining
        from (values (timestamptz '2025-02-11 09:00'), ('2025-02-21 09:00'), ('2026-02-01 09:00')) as x (at)
       cross join lateral lead_protection_at(32, x.at) as p
       order by x.at$$,
    $$values (timestamptz '2025-02-11 09:00', timestamptz '2025-07-20 09:00', timestamptz '2025-03-21 09:00', 47.96),
             ('2025-02-21 09:00', '2025-07-30 09:00', '2025-03-31 10:00', 48.00),
             ('2026-02-01 09:00', '2026-07-10 09:00', '2026-03-11 09:00', 48.00)$$,
    'an open hold counts as ending now: both deadlines move with the clock and never come nearer'
);
select is(
    (select grace_ends_at from lead_protection_at(32, '2025-02-21 09:00')), timestamptz '2025-04-10 10:00',
    'under an open hold G follows the moving R by the calendar'
);
select is(
    (select v.base_expires_at from v_user_lead_protection as v where v.id = 32),
    (select timestamptz '2025-07-10 09:00' at time zone 'UTC' + (now() - timestamptz '2025-02-01 09:00')) at time zone 'UTC',
    'the view moves with now() under an open hold'
);

-- Neither the session's zone nor its DateStyle nor its IntervalStyle matters.
create temp table seen (setting text, answer text);
create function pg_temp.look(p_setting text) returns void language sql as $$
    insert into seen
    select p_setting, string_agg(x::text, ' ' order by x)
      from (
          select extract(epoch from base_expires_at) as x from public.v_user_lead_protection where id < 36
           union all
          select extract(epoch from reminder_due_at) from public.lead_protection_at(23, '2025-04-01 00:00+00')
           union all
          select extract(epoch from grace_ends_at) from public.lead_protection_at(4, '2025-03-01 00:00+00')
      ) as y
$$;
update lead_holds set end_at = '2025-02-05 09:00' where lead_id = 32;
select pg_temp.look('Berlin');
set local time zone 'Pacific/Auckland';
update lead_holds set end_at = end_at + interval '1 second';
update lead_holds set end_at = end_at - interval '1 second';
select pg_temp.look('Auckland');
set local time zone 'America/New_York';
set local datestyle = 'SQL, DMY';
set local intervalstyle = 'sql_standard';
update leads set created_at = created_at - interval '1 second' where id < 36;
update leads set created_at = created_at + interval '1 second' where id < 36;
select pg_temp.look('New York');
set local time zone 'UTC';
set local datestyle = 'German';
select pg_temp.look('UTC');
select is((select count(*)::integer from seen), 4, 'four sessions looked');
select is((select count(distinct answer)::integer from seen), 1, 'the session''s zone, DateStyle and IntervalStyle do not matter');
select is_empty($$select * from verify_lead_protection() where lead_id < 36$$, 'and nothing stored depends on them');

select * from finish();
rollback;
