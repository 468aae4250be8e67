-- Deleting a lead removes all that was derived from it; events already in the outbox are still published.
begin;
select plan(16);
set local time zone 'Europe/Berlin';

insert into leads (id, user_id, created_at) values (1, 7, now() - interval '65 days'), (2, 7, '2025-01-10 09:00'), (3, 7, '2025-01-10 09:00'), (4, 7, now()), (5, 7, now() - interval '5 days');
insert into leads (id, user_id, created_at) select i, 9, now() - interval '1 day' from generate_series(100, 199) as i;
insert into lead_activities (lead_id, user_id, activity_type, occurred_at) values (1, 7, 'QUALIFIED_CALL', now() - interval '64 days'), (2, 7, 'QUALIFIED_CALL', '2025-02-01');
insert into lead_holds (lead_id, user_id, reason, start_at, end_at) values (1, 7, 'x', now() - interval '30 days', now() - interval '29 days'), (5, 7, 'x', now() - interval '1 day', null);
insert into lead_extensions (lead_id, user_id, extension, reason, granted_at) values (1, 7, '1 month', 'x', now() - interval '30 days'), (2, 7, '1 day', 'x', '2025-02-01');
select is((select count(*)::integer from expire_due_protections(100) where lead_id in (2, 3)), 2, 'two leads have a recorded expiry');
update leads set converted_at = now() where id = 4;
insert into lead_reminders (lead_id, user_id, window_start, due_at, sent_at) values (1, 7, current_date - 10, now() - interval '10 days', now() - interval '9 days');
create temp table seen as select coalesce(max(id), 0) as id, count(*) as n from outbox;

select lives_ok($$delete from leads where id = 1$$, 'a lead with facts of every kind is deleted');
select is_empty(
    $$select lead_id from lead_activities where lead_id = 1 union all select lead_id from lead_holds where lead_id = 1
       union all select lead_id from lead_reminders where lead_id = 1 union all select lead_id from lead_extensions where lead_id = 1
       union all select lead_id from lead_protection_periods where lead_id = 1 union all select lead_id from v_user_lead_protection where lead_id = 1
       union all select lead_id from internal.lead_clocks where lead_id = 1$$,
    'with its activities, holds, reminders, extensions and protection'
);
select results_eq(
    $$select event_type, payload ->> 'reason', payload ->> 'current_state', (payload ->> 'user_id')::bigint from outbox where lead_id = 1 and id > (select id from seen) order by id$$,
    $$values ('lead.protection.ended', 'deleted', 'EXPIRED', 7::bigint)$$,
    'its end is told, once'
);
select ok((select count(*) from outbox where id <= (select id from seen)) = (select n from seen), 'events already in the outbox stay');
delete from leads where id in (2, 3);
select is_empty($$select id from leads where id in (2, 3)$$, 'a lead with a recorded expiry is deleted too');
select is_empty($$select * from outbox where lead_id in (2, 3) and id > (select id from seen)$$, 'it had ended before: nothing to tell');
delete from leads where id = 4;
select is_empty($$select * from outbox where lead_id = 4 and id > (select id from seen)$$, 'nor has a converted lead''s deletion anything to tell');
delete from leads where id = 5;
select results_eq($$select event_type from outbox where lead_id = 5 and id > (select id from seen) order by id$$, $$values ('lead.protection.ended')$$,
    'deleting a lead on hold tells its end and nothing of its hold');
delete from leads where user_id = 9;
select is((select count(*)::integer from outbox where id > (select id from seen) and event_type = 'lead.protection.ended' and user_id = 9), 100,
    'a hundred are deleted in one statement and each is told');
select is_empty($$select lead_id from internal.lead_clocks where user_id = 9$$, 'none is left');
insert into leads (id, user_id, created_at) values (10, 7, '2025-01-10 09:00');
delete from leads where id = 10;
select results_eq(
    $$select event_type, payload ->> 'reason' from outbox where lead_id = 10 order by id$$,
    $$values ('lead.protection.activated', null), ('lead.protection.expired', 'base_term')$$,
    'an expiry that was due is recorded first: the lead ended by its base term, not by its deletion'
);
insert into leads (id, user_id) values (1, 8);
select results_eq($$select user_id, protection_started_at from v_user_lead_protection where id = 1$$, $$values (8::bigint, now())$$, 'registered anew the id starts from nothing');
select is_empty($$select * from verify_lead_protection()$$, 'what is stored is what the facts come to');

insert into leads (id, user_id) values (80, 7);
insert into lead_holds (lead_id, user_id, reason) values (80, 7, 'x');
select lives_ok('with h as (update lead_holds set end_at = now() where lead_id = 80) delete from leads where id = 80',
    'a hold may be released by the statement that deletes its lead');
select is((select count(*)::integer from leads where id = 80), 0, 'both are gone');

select * from finish();
rollback;
