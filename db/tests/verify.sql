-- verify_lead_protection: stored rows against their recomputation from the facts.
begin;
select plan(14);
set local time zone 'Europe/Berlin';
set local client_min_messages = warning;

create function pg_temp.differences(p_lead_id bigint) returns text[] language sql as
$$ select coalesce(array_agg(distinct difference order by difference), '{}') from public.verify_lead_protection(p_lead_id) $$;

insert into leads (id, user_id, created_at) select i, 7, now() - interval '50 days' from generate_series(1, 40) as i;
insert into leads (id, user_id, created_at) values (50, 7, now() - interval '65 days'), (51, 7, now() - interval '7 months'), (52, 7, now() - interval '7 months');
insert into lead_activities (id, lead_id, user_id, activity_type, occurred_at) select 9000000000000 + i, i, 7, 'QUALIFIED_CALL', now() - interval '20 days' from generate_series(1, 40) as i;
insert into lead_holds (lead_id, user_id, reason, start_at) values (30, 7, 'x', now() - interval '5 days');
select is((select count(*)::integer from expire_due_protections(1)), 1, 'one expiry is recorded');
select is_empty('select * from verify_lead_protection()', 'nothing parts from its facts');

-- Each stored column tampered with.
update internal.lead_clocks set reminder_due_at = reminder_due_at + interval '1 second' where lead_id = 1;
update internal.lead_clocks set base_expires_at = base_expires_at + interval '1 second', protection_expires_at = protection_expires_at where lead_id = 2;
update internal.lead_clocks set protection_expires_at = protection_expires_at + interval '1 day' where lead_id = 3;
update internal.lead_clocks set state = 'GRACE' where lead_id = 4;
update internal.lead_clocks set user_id = 8 where lead_id = 5;
update internal.lead_clocks set last_qualified_activity_at = null where lead_id = 6;
update internal.lead_clocks set started_at = started_at - interval '1 day' where lead_id = 7;
update internal.lead_clocks set grace_ends_at = grace_ends_at + interval '1 day' where lead_id = 8;
update internal.lead_clocks set held_since = now() - interval '1 day', held_until = 'infinity' where lead_id = 9;
update internal.lead_clocks set ended_at = now(), end_reason = 'CONVERTED', state = 'CONVERTED' where lead_id = 10;
update internal.lead_clocks set next_expiry_check_at = next_expiry_check_at + interval '1 second' where lead_id = 11;
update internal.lead_clocks set next_expiry_check_at = null where lead_id = 12;
update internal.lead_clocks set policy = 'other' where lead_id = 13;
delete from internal.lead_clocks where lead_id = 14;
update internal.lead_clocks set final_until = now() where lead_id = 15;
update internal.lead_clocks set policy_version = 2 where lead_id = 16;
update internal.lead_clocks set steady_until = 'infinity' where lead_id = 30;
update internal.lead_clocks set next_reminder_check_at = null where lead_id = 50;
update internal.lead_clocks set steady_until = 'infinity' where lead_id = 52;
select is_empty(
    $$select i from unnest(array[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 30, 50, 52]) as i where pg_temp.differences(i) = '{}'$$,
    'every column that someone tampered with is found'
);
select is_empty($$select * from verify_lead_protection() where lead_id not in (1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 30, 50, 52)$$, 'and nothing else is accused');
select results_eq(
    $$select lead_id, difference, stored::timestamptz - computed::timestamptz from verify_lead_protection(1) where difference = 'reminder_due_at'$$,
    $$values (1::bigint, 'reminder_due_at', interval '1 second')$$,
    'a difference says which value, what is stored and what it should be'
);
select is((select count(distinct lead_id)::integer from verify_lead_protection(3)), 1, 'one lead can be checked alone');
select is((select count(*)::integer from verify_lead_protection(777)), 0, 'an unknown lead has no differences');
update internal.lead_clocks set next_expiry_check_at = now() - interval '1 year', next_reminder_check_at = now() - interval '1 year' where lead_id = 20;
select is(pg_temp.differences(20), '{}', 'a check that lies too early is lazy, not wrong');

-- Facts that came in behind the triggers' back.
set local session_replication_role = replica;
insert into lead_activities (lead_id, user_id, activity_type, occurred_at) values (21, 7, 'QUALIFIED_CALL', now() - interval '1 day');
delete from lead_activities where id = 9000000000022;
update lead_activities set occurred_at = now() - interval '1 day' where id = 9000000000023;
insert into lead_holds (lead_id, user_id, reason, start_at, end_at) values (24, 7, 'x', now() - interval '10 days', now() - interval '5 days');
insert into lead_extensions (lead_id, user_id, extension, reason) values (25, 7, '1 month', 'x');
insert into lead_reminders (lead_id, user_id, window_start, due_at, sent_at) values (50, 7, current_date, now(), now());
update leads set user_id = 8 where id = 26;
insert into leads (id, user_id) values (27000, 7);
update lead_protection_periods set started_at = started_at - interval '3 days' where lead_id = 28;
insert into lead_activities (lead_id, user_id, activity_type, occurred_at) values (29, 7, 'EMAIL_SENT', now() - interval '1 day'), (31, 8, 'QUALIFIED_CALL', now() - interval '1 day');
set local session_replication_role = origin;
select is_empty(
    $$select i from unnest(array[21, 22, 23, 24, 25, 26, 27000, 28]) as i where pg_temp.differences(i) = '{}'$$,
    'facts entered, changed or removed with triggers off are found'
);
select is(pg_temp.differences(29) || pg_temp.differences(31), '{}', 'those that make no difference are none');
select is(pg_temp.differences(27000), '{clocks}', 'a lead without protection is found');

-- It only looks.
select is((select provolatile from pg_proc where oid = 'verify_lead_protection'::regproc), 's', 'the self-check changes nothing: it is stable');
select lives_ok('select * from verify_lead_protection(lead_id => null)', 'its parameter is taken by name');
-- leadguard verify asks lead by lead: with a plan for each it took eight times as long.
select ok('plan_cache_mode=force_generic_plan' = any (p.proconfig), 'however many leads there are, it plans once') from pg_proc as p where p.oid = 'verify_lead_protection'::regproc;

select * from finish();
rollback;
