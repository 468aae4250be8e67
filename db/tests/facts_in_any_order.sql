-- Facts are entered late, corrected, deleted, moved to another lead: the result depends on them alone.
begin;
select plan(62);
set local time zone 'Europe/Berlin';

create function pg_temp.enter(p_lead_id bigint, p_fact integer) returns void language plpgsql as $$
begin
    case p_fact
        when 1 then insert into public.lead_activities (lead_id, user_id, activity_type, occurred_at)
            values (p_lead_id, 7, 'QUALIFIED_CALL', '2025-02-20 15:00');
        when 2 then insert into public.lead_holds (lead_id, user_id, reason, start_at, end_at)
            values (p_lead_id, 7, 'price list', '2025-03-02 08:00', '2025-03-16 08:00');
        when 3 then insert into public.lead_reminders (lead_id, user_id, window_start, due_at, sent_at)
            values (p_lead_id, 7, '2025-05-05', '2025-05-05 15:00', '2025-05-05 15:04');
        when 4 then insert into public.lead_activities (lead_id, user_id, activity_type, occurred_at)
            values (p_lead_id, 7, 'CUSTOMER_REACTION', '2025-05-12 10:00');
        when 5 then insert into public.lead_extensions (lead_id, user_id, extension, reason, granted_at)
            values (p_lead_id, 7, '10 days', 'tender', '2025-02-01 10:00');
    end case;
end
$$;

-- Every order in which five facts can arrive.
create temp table arrivals as
with recursive step (facts) as (
    select '{}'::integer[]
     union all
    select s.facts || f from step as s cross join generate_series(1, 5) as f where f <> all (s.facts)
)
select row_number() over (order by facts) + 1000 as lead_id, facts from step where cardinality(facts) = 5;
insert into leads (id, user_id, created_at) select lead_id, 7, '2025-01-10 09:00' from arrivals;
select is((select count(*)::integer from arrivals), 120, 'five facts arrive in 120 orders');
do $$
declare
    v_arrival record;
begin
    for v_arrival in select a.lead_id, f.fact from arrivals as a cross join unnest(a.facts) with ordinality as f (fact, n) order by a.lead_id, f.n
    loop
        perform pg_temp.enter(v_arrival.lead_id, v_arrival.fact);
    end loop;
end
$$;
select is(
    (select count(distinct to_jsonb(v) - 'id' - 'lead_id')::integer from v_user_lead_protection as v join arrivals using (lead_id)), 1,
    'the view shows the same row whatever the order of arrival'
);
select is(
    (select max(n)::integer from (
        select d, count(distinct to_jsonb(p) - 'id' - 'lead_id') as n
          from arrivals as a
         cross join generate_series(timestamptz '2025-02-01', '2025-08-15', interval '15 days 7 hours') as d
         cross join lateral lead_protection_at(a.lead_id, d) as p
         where a.lead_id % 10 = 1
         group by d) as x), 1,
    'and so does every past moment'
);
select results_eq(
    $$select state, base_expires_at, reminder_due_at, end_reason from v_user_lead_protection where lead_id = 1120$$,
    $$values ('EXPIRED', timestamptz '2025-08-03 09:00', timestamptz '2025-07-11 10:00', 'BASE_TERM')$$,
    'which is the row that the rules demand'
);
select is_empty(
    $$select v.* from arrivals as a cross join lateral verify_lead_protection(a.lead_id) as v$$,
    'what is stored is what the facts come to, for each of them'
);
select is(
    (select count(distinct (next_expiry_check_at, state, steady_until, last_held_until))::integer
       from internal.lead_clocks join arrivals using (lead_id)), 1,
    'the worker looks at all of them at the same time'
);

-- Late, corrected, deleted: each against a lead that was right from the start.
insert into leads (id, user_id, created_at) select i, 7, '2025-01-10 09:00' from generate_series(1, 40) as i;
create function pg_temp.alike(p_lead_id bigint, p_other_id bigint) returns boolean language sql as $$
    select bool_and(to_jsonb(a) - 'id' - 'lead_id' is not distinct from to_jsonb(b) - 'id' - 'lead_id')
      from generate_series(timestamptz '2025-01-11', '2025-08-11', interval '10 days 5 hours') as d
     cross join lateral public.lead_protection_at(p_lead_id, d) as a
     cross join lateral public.lead_protection_at(p_other_id, d) as b
$$;
insert into lead_activities (lead_id, user_id, activity_type, occurred_at) values
    (1, 7, 'QUALIFIED_CALL', '2025-02-01 12:00'), (1, 7, 'QUALIFIED_CALL', '2025-03-01 12:00'),
    (2, 7, 'QUALIFIED_CALL', '2025-03-01 12:00');
insert into lead_activities (lead_id, user_id, activity_type, occurred_at) values (2, 7, 'QUALIFIED_CALL', '2025-02-01 12:00');
select ok(pg_temp.alike(2, 1), 'an activity entered late counts where it belongs');
select ok(not pg_temp.alike(2, 3), 'and makes a difference');

insert into lead_activities (id, lead_id, user_id, activity_type, occurred_at) values
    (9000000000001, 3, 7, 'QUALIFIED_CALL', '2025-02-20 12:00'), (9000000000002, 3, 7, 'EMAIL_SENT', '2025-03-01 12:00'), (9000000000003, 3, 8, 'QUALIFIED_CALL', '2025-04-20 12:00');
update lead_activities set occurred_at = '2025-02-01 12:00' where id = 9000000000001;
select is((select reminder_due_at from lead_protection_at(3, '2025-03-02')), timestamptz '2025-04-02 12:00', 'an activity corrected to an earlier moment moves the due date back');
update lead_activities set activity_type = 'QUALIFIED_CALL' where id = 9000000000002;
select ok(pg_temp.alike(3, 1), 'an activity corrected to a qualified type counts');
update lead_activities set user_id = 7, occurred_at = '2025-03-05 12:00' where id = 9000000000003;
select is((select last_qualified_activity_at from lead_protection_at(3, '2025-03-06')), timestamptz '2025-03-05 12:00', 'an activity corrected to the protecting user counts');
delete from lead_activities where id = 9000000000003;
select ok(pg_temp.alike(3, 1), 'a deleted activity no longer counts');
update lead_activities set lead_id = 4 where lead_id = 3;
select ok(pg_temp.alike(4, 1), 'activities moved to another lead count there');
select ok(pg_temp.alike(3, 5), 'and no longer where they were');
update lead_activities set summary = 'a long talk' where lead_id = 4;
select ok(pg_temp.alike(4, 1), 'a new summary changes nothing');

insert into lead_holds (id, lead_id, user_id, reason, start_at, end_at) values
    (9000000000001, 6, 7, 'price list', '2025-02-01 09:00', '2025-02-11 09:00'),
    (9000000000002, 7, 7, 'price list', '2025-01-20 09:00', null);
update lead_holds set start_at = '2025-02-01 09:00', end_at = '2025-02-11 09:00' where id = 9000000000002;
select ok(pg_temp.alike(7, 6), 'a corrected hold counts as corrected');
select ok(not pg_temp.alike(7, 5), 'and makes a difference');
update lead_holds set lead_id = 8 where id = 9000000000002;
select ok(pg_temp.alike(8, 6), 'a hold moved to another lead counts there');
select ok(pg_temp.alike(7, 5), 'and no longer where it was');
delete from lead_holds where id = 9000000000002;
select ok(pg_temp.alike(8, 5), 'a deleted hold no longer counts');
insert into lead_activities (lead_id, user_id, activity_type, occurred_at) values (9, 7, 'QUALIFIED_CALL', '2025-03-05 12:00'), (10, 7, 'QUALIFIED_CALL', '2025-03-05 12:00');
insert into lead_holds (lead_id, user_id, reason, start_at, end_at) values (9, 7, 'x', '2025-02-01 09:00', '2025-02-11 09:00'), (10, 7, 'x', '2025-02-01 09:00', '2025-02-11 09:00');
select is((select reminder_due_at from lead_protection_at(9, '2025-03-06')), timestamptz '2025-05-04 12:00', 'a late hold before the anchor does not move the activity clock');
select is((select base_expires_at from lead_protection_at(9, '2025-03-06')), timestamptz '2025-07-20 09:00', 'but it moves the base term');

insert into lead_reminders (id, lead_id, user_id, window_start, due_at, sent_at) values
    (9000000000001, 11, 7, '2025-03-11', '2025-03-11 09:00', '2025-03-11 09:30'),
    (9000000000002, 12, 7, '2025-03-11', '2025-03-11 09:00', null),
    (9000000000003, 13, 7, '2025-03-11', '2025-03-11 09:00', '2025-03-20 09:30');
update lead_reminders set sent_at = '2025-03-11 09:30' where id = 9000000000002;
select ok(pg_temp.alike(12, 11), 'a reminder marked as sent late starts the grace it then started');
update lead_reminders set sent_at = '2025-03-11 09:30' where id = 9000000000003;
select ok(pg_temp.alike(13, 11), 'a corrected sent_at moves the grace');
update lead_reminders set lead_id = 14 where id = 9000000000003;
select ok(pg_temp.alike(14, 11), 'a reminder moved to another lead counts there');
select ok(pg_temp.alike(13, 5), 'and no longer where it was');
delete from lead_reminders where id = 9000000000002;
select ok(pg_temp.alike(12, 5), 'a deleted reminder starts no grace');
insert into lead_activities (lead_id, user_id, activity_type, occurred_at) values (11, 7, 'QUALIFIED_CALL', '2025-03-15 09:00');
select is((select state from lead_protection_at(11, '2025-03-25')), 'PROTECTED', 'an activity entered late but dated within the grace still saves the lead, while its expiry is not recorded');

insert into lead_extensions (lead_id, user_id, extension, reason, granted_at) values (15, 7, '1 month', 'tender', '2025-02-01');
update lead_extensions set extension = '2 months' where lead_id = 15;
select is((select base_expires_at from lead_protection_at(15, '2025-03-01')), timestamptz '2025-09-10 09:00', 'a corrected extension counts as corrected');
delete from lead_extensions where lead_id = 15;
select ok(pg_temp.alike(15, 5), 'a withdrawn extension counts no longer');

-- The start.
update leads set created_at = '2025-01-20 09:00' where id = 16;
select results_eq(
    $$select protection_started_at, base_expires_at, reminder_due_at from lead_protection_at(16, '2025-02-01')$$,
    $$values (timestamptz '2025-01-20 09:00', timestamptz '2025-07-20 09:00', timestamptz '2025-03-21 09:00')$$,
    'a corrected created_at moves the start of the first period'
);
update leads set created_at = '2025-01-10 09:00' where id = 16;
select ok(pg_temp.alike(16, 5), 'and back');
insert into lead_activities (lead_id, user_id, activity_type, occurred_at) values (17, 7, 'QUALIFIED_CALL', '2025-01-15 09:00');
update leads set created_at = '2025-01-16 09:00' where id = 17;
select is((select last_qualified_activity_at from lead_protection_at(17, '2025-02-01')), null, 'an activity before the corrected start no longer counts');
update leads set created_at = '2025-01-10 09:00' where id = 17;
select is((select last_qualified_activity_at from lead_protection_at(17, '2025-02-01')), timestamptz '2025-01-15 09:00', 'and counts again once the start is put back');
update leads set user_id = 8 where id = 18;
update leads set created_at = '2025-01-20 09:00' where id = 18;
select is((select protection_started_at from v_user_lead_protection where id = 18), now(), 'correcting created_at after a transfer leaves the running period alone');

-- The same in the present, where the usual activity is newer than all that is known of its lead.
insert into leads (id, user_id, created_at) values
    (50, 7, now() - interval '30 days'), (51, 7, now() - interval '6 months 20 days'), (52, 7, now() - interval '30 days'), (53, 7, now() - interval '30 days'),
    (54, 7, now() - interval '30 days');
insert into lead_activities (lead_id, user_id, activity_type, occurred_at) values (50, 7, 'QUALIFIED_CALL', now() - interval '5 days');
insert into lead_activities (lead_id, user_id, activity_type, occurred_at) values (50, 7, 'QUALIFIED_CALL', now() - interval '20 days');
select is((select last_qualified_activity_at from v_user_lead_protection where id = 50), now() - interval '5 days', 'an older activity entered after a newer one does not pull the clock back');
insert into lead_activities (lead_id, user_id, activity_type, occurred_at) values (51, 7, 'QUALIFIED_CALL', now() - interval '30 days');
insert into lead_activities (lead_id, user_id, activity_type, occurred_at) values (51, 7, 'QUALIFIED_CALL', now() - interval '1 day');
select results_eq(
    $$select state, last_qualified_activity_at from v_user_lead_protection where id = 51$$, $$values ('EXPIRED', now() - interval '30 days')$$,
    'an activity after an end that nobody has recorded is too late'
);
insert into leads (id, user_id, created_at) values (55, 7, now() - interval '6 months 20 days');
insert into lead_activities (lead_id, user_id, activity_type, occurred_at) values (55, 7, 'QUALIFIED_CALL', now() - interval '30 days');
do $$
begin
    perform internal.store_clocks(e) from lead_protection_periods as p cross join lateral internal.evaluate_period(p, now() - interval '25 days') as e where p.lead_id = 55;
end
$$;
insert into lead_activities (lead_id, user_id, activity_type, occurred_at) values (55, 7, 'QUALIFIED_CALL', now() - interval '1 day');
select results_eq(
    $$select state, last_qualified_activity_at from v_user_lead_protection where id = 55$$, $$values ('EXPIRED', now() - interval '30 days')$$,
    'even where the row was last stored while protection still ran'
);
insert into lead_holds (lead_id, user_id, reason, start_at, end_at) values
    (52, 7, 'x', now() - interval '10 days', now() - interval '5 days'), (53, 7, 'x', now() - interval '10 days', null), (54, 7, 'x', now() - interval '240 hours', now() + interval '240 hours');
insert into lead_activities (lead_id, user_id, activity_type, occurred_at) select i, 7, 'QUALIFIED_CALL', now() - interval '7 days' from generate_series(52, 54) as i;
select is(
    (select reminder_due_at from v_user_lead_protection where id = 52),
    timezone('Europe/Berlin', timezone('Europe/Berlin', now() - interval '7 days') + interval '60 days') + (now() - interval '5 days' - (now() - interval '7 days')),
    'an activity during a hold that is over: its clock is longer by the rest of the hold'
);
insert into lead_activities (lead_id, user_id, activity_type, occurred_at) select i, 7, 'QUALIFIED_CALL', now() - interval '1 hour' from generate_series(52, 54) as i;
insert into lead_activities (lead_id, user_id, activity_type) select 50, 7, 'QUALIFIED_CALL' from generate_series(1, 3);
select is_empty($$select v.* from generate_series(50, 54) as i cross join lateral verify_lead_protection(i) as v$$, 'what is stored is what the facts come to, on hold or not');

-- Statements that touch many leads.
insert into leads (id, user_id, created_at) select i, 7, '2025-01-10 09:00' from generate_series(2001, 2400) as i;
insert into lead_activities (lead_id, user_id, activity_type, occurred_at)
select i, 7 + (n = 3)::integer, case n when 4 then 'EMAIL_SENT' else 'QUALIFIED_CALL' end,
       timestamptz '2025-01-10 10:00' + make_interval(days => (i % 17)::integer * n, hours => n)
  from generate_series(2001, 2400) as i cross join generate_series(1, 4) as n
 order by (i * 7919) % 401, n desc;
select is_empty($$select v.* from generate_series(2001, 2400) as i cross join lateral verify_lead_protection(i) as v$$, 'one statement inserts 1600 activities of 400 leads');
select is_empty(
    $$select i from generate_series(2001, 2400) as i join v_user_lead_protection as v on v.id = i
       where v.last_qualified_activity_at is distinct from (
           select max(a.occurred_at) from lead_activities as a
            where a.lead_id = i and a.user_id = 7 and a.activity_type = 'QUALIFIED_CALL')$$,
    'each of them has its own latest activity'
);
update lead_activities set occurred_at = occurred_at + interval '1 day' where lead_id between 2001 and 2400 and id % 3 = 0;
select is_empty($$select v.* from generate_series(2001, 2400) as i cross join lateral verify_lead_protection(i) as v$$, 'one statement corrects hundreds');
update lead_activities set lead_id = lead_id + 200 where lead_id between 2001 and 2200;
select is_empty($$select v.* from generate_series(2001, 2400) as i cross join lateral verify_lead_protection(i) as v$$, 'one statement moves hundreds to other leads');
select is((select count(*)::integer from v_user_lead_protection where id between 2001 and 2200 and last_qualified_activity_at is null), 200, 'whose leads they were have none left');
delete from lead_activities where lead_id between 2201 and 2400;
select is_empty($$select v.* from generate_series(2001, 2400) as i cross join lateral verify_lead_protection(i) as v$$, 'one statement deletes them all');
insert into lead_holds (lead_id, user_id, reason, start_at, end_at)
select i, 7, 'price list', '2025-02-01 09:00', '2025-02-11 09:00' from generate_series(2001, 2400) as i;
update leads set created_at = '2025-01-20 09:00' where id between 2001 and 2400;
select is((select count(distinct base_expires_at)::integer from v_user_lead_protection where id between 2001 and 2400), 1, 'one statement corrects the start of 400 leads');
update leads set user_id = 8 where id between 2001 and 2100;
update leads set converted_at = now() where id between 2101 and 2200;
select is_empty($$select v.* from generate_series(2001, 2400) as i cross join lateral verify_lead_protection(i) as v$$, 'one statement hands over or converts a hundred');
select results_eq(
    $$select end_reason, count(*) from lead_protection_periods where lead_id between 2001 and 2200 group by 1 order by 1$$,
    $$values ('BASE_TERM', 200::bigint), (null, 100)$$,
    'all had run out before and were recorded as such'
);
insert into lead_activities (lead_id, user_id, activity_type, occurred_at)
select 2300, 7, 'QUALIFIED_CALL', timestamptz '2025-01-20 10:00' + make_interval(days => d) from generate_series(1, 30) as d;
select is((select last_qualified_activity_at from v_user_lead_protection where id = 2300), timestamptz '2025-02-19 10:00', 'thirty activities of one lead in one statement come to the latest');
select is_empty($$insert into lead_activities (lead_id, user_id, activity_type) select 2300, 7, 'QUALIFIED_CALL' where false returning id$$, 'a statement that inserts nothing does nothing');

-- ON CONFLICT.
insert into leads (id, user_id, created_at) values (1, 9, now()) on conflict (id) do nothing;
select is((select user_id from v_user_lead_protection where id = 1), 7::bigint, 'an insert that ON CONFLICT skips changes nothing');
select is((select count(*)::integer from lead_protection_periods where lead_id = 1), 1, 'and starts no second period');
insert into leads as l (id, user_id, created_at) values (20, 9, '2025-01-10 09:00'), (41, 9, '2025-01-10 09:00')
on conflict (id) do update set user_id = excluded.user_id;
select results_eq(
    $$select id, user_id from v_user_lead_protection where id in (20, 41) order by id$$,
    $$values (20::bigint, 9::bigint), (41, 9)$$,
    'an upsert registers the new lead and hands the known one over'
);
select is_empty($$select * from verify_lead_protection() where lead_id <= 41$$, 'what is stored is what the facts come to');

-- In one statement, too: parts of a WITH query that nothing reads from run last to first.
with l as (insert into leads (id, user_id, created_at) values (900, 7, now() - interval '65 days')),
     a as (insert into lead_activities (lead_id, user_id, activity_type) values (900, 7, 'QUALIFIED_CALL'))
select 1;
select results_eq('select state, last_qualified_activity_at from v_user_lead_protection where lead_id = 900', $$values ('PROTECTED', now())$$,
    'an activity that a statement enters before its lead counts');
select is_empty('select * from verify_lead_protection(900)', 'and what is stored is what the facts come to');
select is((select payload ->> 'current_state' || ' ' || (payload ->> 'protection_expires_at')::timestamptz from outbox where lead_id = 900),
    (select state || ' ' || protection_expires_at from v_user_lead_protection where lead_id = 900), 'the event tells the protection with it');
select is((select count(*)::integer from dispatch_due_reminders(1000) where lead_id = 900), 0, 'and nobody is reminded');

-- With a conversion that finds the base term over, the activity has been judged with the rest, whichever comes first.
insert into leads (id, user_id, created_at) select i, 7, now() - interval '7 months' from generate_series(905, 908) as i;
insert into lead_reminders (lead_id, user_id, window_start, due_at, sent_at)
select i, 7, (now() - interval '5 months')::date, now() - interval '5 months', now() - interval '5 months' from generate_series(907, 908) as i;
\set activity 'insert into lead_activities (lead_id, user_id, activity_type, occurred_at) values'
with l as (insert into leads (id, user_id, created_at, converted_at) values (901, 7, now() - interval '7 months', now())),
     a as (:activity (901, 7, 'QUALIFIED_CALL', now() - interval '50 days'))
select 1 \g /dev/null
with a as (:activity (902, 7, 'QUALIFIED_CALL', now() - interval '50 days')),
     l as (insert into leads (id, user_id, created_at, converted_at) values (902, 7, now() - interval '7 months', now()))
select 1 \g /dev/null
with l as (insert into leads (id, user_id, created_at, converted_at) values (903, 7, now() - interval '7 months', now()) returning id)
:activity ((select id from l), 7, 'QUALIFIED_CALL', now() - interval '50 days');
with a as (:activity (904, 7, 'QUALIFIED_CALL', now() - interval '50 days') returning lead_id)
insert into leads (id, user_id, created_at, converted_at) values ((select lead_id from a), 7, now() - interval '7 months', now());
with l as (update leads set converted_at = now() where id = 905 returning id)
:activity ((select id from l), 7, 'QUALIFIED_CALL', now() - interval '50 days');
with a as (:activity (906, 7, 'QUALIFIED_CALL', now() - interval '50 days') returning lead_id)
update leads set converted_at = now() where id = (select lead_id from a);
-- A grace that the activities end would have ended the protection before.
with l as (update leads set converted_at = now() where id = 907 returning id)
:activity ((select id from l), 7, 'QUALIFIED_CALL', now() - interval '150 days'), ((select id from l), 7, 'QUALIFIED_CALL', now() - interval '50 days');
with a as (:activity (908, 7, 'QUALIFIED_CALL', now() - interval '150 days'), (908, 7, 'QUALIFIED_CALL', now() - interval '50 days') returning lead_id)
update leads set converted_at = now() where id = (select max(lead_id) from a);
select is_empty('select * from verify_lead_protection() where lead_id between 901 and 908', 'what is stored is what the facts come to, in any order');
select results_eq(
    'select distinct state, end_reason, last_qualified_activity_at from v_user_lead_protection where lead_id between 901 and 908',
    $$values ('EXPIRED', 'BASE_TERM', now() - interval '50 days')$$, 'and that is the same'
);
:activity (905, 7, 'QUALIFIED_CALL', now() - interval '40 days');
select is((select last_qualified_activity_at from lead_protection_at(905, now() - interval '35 days')), now() - interval '50 days', 'one entered in the next statement comes too late');

select * from finish();
rollback;
