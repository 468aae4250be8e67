-- Facts put right after something was built on them: a conversion, a queued reminder, a start.
begin;
select plan(32);
set local time zone 'Europe/Berlin';

-- A conversion and the facts before it, in both orders.
insert into leads (id, user_id, created_at) select i, 7, now() - interval '100 days' from generate_series(1, 3) as i;
insert into lead_reminders (lead_id, user_id, window_start, due_at, sent_at)
select i, 7, current_date - 38, now() - interval '38 days', now() - interval '38 days' from generate_series(1, 2) as i;
insert into lead_activities (id, lead_id, user_id, activity_type, occurred_at) values
(9101, 1, 7, 'QUALIFIED_CALL', now() - interval '35 days');
update leads set converted_at = now() - interval '5 days' where id = 1;
select is((select state from v_user_lead_protection where id = 1), 'CONVERTED', 'a lead that was worked in time is converted');
delete from lead_activities where id = 9101;
select is((select state from v_user_lead_protection where id = 1), 'EXPIRED', 'without that activity it had expired before');
select results_eq(
    'select state, protection_expires_at, end_reason from v_user_lead_protection where id = 1',
    'select state, protection_expires_at, end_reason from lead_protection_at(2, now())',
    'exactly as one that never had it'
);
insert into lead_activities (id, lead_id, user_id, activity_type, occurred_at) values
(9102, 1, 7, 'QUALIFIED_CALL', now() - interval '35 days');
select is((select state from v_user_lead_protection where id = 1), 'CONVERTED', 'entered again, before the sweep, it is converted again');
delete from lead_activities where id = 9102;
select is((select count(*)::integer from expire_due_protections() where lead_id = 1), 1, 'the sweep records the expiry');
insert into lead_activities (lead_id, user_id, activity_type, occurred_at) values (1, 7, 'QUALIFIED_CALL', now() - interval '35 days');
select is((select state from v_user_lead_protection where id = 1), 'EXPIRED', 'from then on it is final');

-- One statement, several corrections.
insert into leads (id, user_id, created_at, converted_at) values (4, 7, now() - interval '100 days', now() - interval '90 days');
update leads set created_at = now() - interval '30 days', converted_at = null where id = 4;
select is(
    (select protection_started_at from v_user_lead_protection where id = 4), now() - interval '30 days',
    'a start corrected while the conversion is taken back moves the start'
);
insert into leads (id, user_id, created_at, converted_at) select i, 7, now() - interval '100 days', now() - interval '90 days' from generate_series(40, 41) as i;
update leads set created_at = now() - interval '30 days' where id in (40, 41);
update leads set converted_at = case id when 41 then now() - interval '5 days' end where id in (40, 41);
select is(
    (select protection_started_at from v_user_lead_protection where id = 40), now() - interval '30 days',
    'so does one corrected to after the conversion, once that is taken back'
);
select is(
    (select payload ->> 'protection_expires_at' from outbox where lead_id = 40 order by id desc limit 1)::timestamptz,
    (select protection_expires_at from v_user_lead_protection where id = 40), 'which is told with the dates that follow'
);
select results_eq(
    'select state, protection_started_at from v_user_lead_protection where id = 41', $$values ('CONVERTED', now() - interval '30 days')$$,
    'or corrected to after that start'
);
select is_empty($$select * from verify_lead_protection() where lead_id in (40, 41)$$, 'and nothing is left that its facts do not come to');
update leads set converted_at = now(), user_id = 8 where id = 4;
select results_eq(
    'select user_id, state from v_user_lead_protection where id = 4', $$values (8::bigint, 'CONVERTED')$$,
    'handed over and converted at once, it is the new user''s conversion'
);
insert into leads (id, user_id, created_at) select i, 7, now() - interval '40 days' from generate_series(14, 15) as i;
insert into lead_holds (lead_id, user_id, reason, start_at) values (15, 7, 'price list', now() - interval '5 days');
update leads set converted_at = now(), user_id = 8, created_at = now() - interval '50 days' where id = 14;
update leads set converted_at = now(), user_id = 8 where id = 15;
select results_eq(
    'select lead_id, user_id, end_reason from lead_protection_periods where lead_id in (14, 15) order by lead_id, id',
    $$values (14::bigint, 7::bigint, 'TRANSFERRED'), (14, 8, 'CONVERTED'), (15, 7, 'TRANSFERRED'), (15, 8, 'CONVERTED')$$,
    'also with its start corrected, or a hold ended, in the same statement'
);
select results_eq(
    $$select lead_id, count(*) filter (where event_type = 'lead.protection.ended') from outbox where lead_id in (14, 15) group by lead_id order by lead_id$$,
    $$values (14::bigint, 1::bigint), (15, 1)$$, 'and one conversion is told'
);
insert into leads (id, user_id, created_at) values (16, 7, now() - interval '5 months');
insert into lead_activities (lead_id, user_id, activity_type, occurred_at)
select 16, 7, 'QUALIFIED_CALL', now() - make_interval(days => d) from generate_series(10, 130, 20) as d;
update leads set converted_at = now() - interval '10 days' where id = 16;
update leads set user_id = 8, created_at = now() - interval '10 months' where id = 16;
select results_eq(
    'select user_id, end_reason, recorded_at is not null from lead_protection_periods where lead_id = 16 order by id',
    $$values (7::bigint, 'BASE_TERM', true), (8, null, false)$$,
    'handed over while a corrected start shows that it had run out before its conversion, that is recorded first'
);

-- A queued reminder that somebody deletes.
insert into leads (id, user_id, created_at) values (5, 7, now() - interval '61 days');
select is((select count(*)::integer from dispatch_due_reminders(100) where lead_id = 5), 1, 'a reminder is queued');
update lead_reminders set sent_at = null, window_start = window_start where lead_id = 5;
select isnt_empty(
    $$select event_type from outbox where lead_id = 5 and event_type = 'lead.protection.reminder'$$,
    'saved once more unchanged, it keeps its event'
);
delete from lead_reminders where lead_id = 5;
select is_empty(
    $$select event_type from outbox where lead_id = 5 and event_type = 'lead.protection.reminder'$$,
    'deleted, it takes its event along'
);
select is((select count(*)::integer from dispatch_due_reminders(100) where lead_id = 5), 1, 'and is queued anew, as it is still due');
select is_empty('select * from verify_lead_protection() where lead_id between 1 and 5', 'after all this stored rows are what the facts come to');

-- A drill in the past, at a moment under a hold, must not make the sweep of today pass the lead over.
insert into leads (id, user_id, created_at) values (7, 7, now() - interval '70 days');
insert into lead_holds (lead_id, user_id, reason, start_at, end_at) values (7, 7, 'x', now() - interval '3 days', now() - interval '1 hour');
select is((select count(*)::integer from dispatch_due_reminders(100, now() - interval '1 day') where lead_id = 7), 0,
    'a drill queues nothing for a lead that was on hold then');
select is((select count(*)::integer from dispatch_due_reminders(100) where lead_id = 7), 1, 'and today''s sweep still finds it');

-- The earliest moment there is.
insert into leads (id, user_id, created_at) values (6, 7, '2000-01-01 00:00+00');
select lives_ok('select * from explain_lead_protection(6)', 'a lead of the first moment is explained');
select lives_ok('select count(*) from v_lead_timeline where lead_id between 1 and 6', 'and does not spoil the others'' timeline');

-- What the self-check must see. Each change is taken back by itself: going back to a savepoint would take the
-- counted tests along.
create function pg_temp.found_after(p_change text, p_lead_id bigint) returns bigint language plpgsql as $$
declare
    v_found bigint;
begin
    set local session_replication_role = replica;
    execute p_change;
    select count(*) into v_found from verify_lead_protection(p_lead_id);
    raise exception using errcode = 'TB001';
exception
    when sqlstate 'TB001' then
        return v_found;
end
$$;
select isnt(pg_temp.found_after($$ update internal.lead_clocks set steady_until = 'infinity' where lead_id = 5 $$, 5), 0::bigint,
    'a row that would never be computed again is found');
select isnt(pg_temp.found_after($$ update internal.lead_clocks set next_expiry_check_at = null where lead_id = 5 $$, 5), 0::bigint,
    'a lead that the sweep would never look at is found');
select isnt(pg_temp.found_after($$ update leads set created_at = created_at - interval '1 day' where id = 5 $$, 5), 0::bigint,
    'a start moved behind the triggers'' back is found');
select isnt(pg_temp.found_after($$ update leads set converted_at = now() where id = 5 $$, 5), 0::bigint, 'so is a conversion');
select isnt(pg_temp.found_after($change$
    with moved as (
        update lead_protection_periods set ended_at = ended_at + interval '1 hour' where lead_id = 1 and recorded_at is not null
    )
    update internal.lead_clocks
       set ended_at = ended_at + interval '1 hour', final_until = final_until + interval '1 hour',
           protection_expires_at = protection_expires_at + interval '1 hour'
     where lead_id = 1
$change$, 1), 0::bigint, 'and a recorded expiry that was moved');
select is_empty('select * from verify_lead_protection(5)', 'all of it was taken back');

-- What a transaction begun later has written lies ahead of this one's now(); corrected here, it counts at once.
insert into leads (id, user_id, created_at) values (70, 7, now() - interval '61 days');
set local session_replication_role = replica;
insert into lead_activities (id, lead_id, user_id, activity_type, occurred_at) values (7000, 70, 7, 'EMAIL_SENT', now() + interval '1 minute');
set local session_replication_role = origin;
update lead_activities set activity_type = 'QUALIFIED_CALL' where id = 7000;
select is((select state from v_user_lead_protection where lead_id = 70), 'PROTECTED', 'an activity of a transaction begun later counts once its type is corrected');
select is_empty('select * from verify_lead_protection(70)', 'and what is stored is what the facts come to');

select * from finish();
rollback;
