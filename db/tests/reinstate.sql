-- reinstate_lead_protection: a new protection after an expiry, for a reason.
begin;
select plan(18);
set local time zone 'Europe/Berlin';

insert into leads (id, user_id, created_at) values
    (1, 7, '2025-01-10 09:00'),
    (3, 7, now() - interval '10 days'),
    (4, 7, '2025-01-10 09:00');
insert into lead_activities (lead_id, user_id, activity_type, occurred_at) values (1, 7, 'QUALIFIED_CALL', '2025-03-01 09:00');
insert into lead_extensions (lead_id, user_id, extension, reason, granted_at) values (1, 7, '1 month', 'tender', '2025-03-01');
select is((select count(*)::integer from expire_due_protections(100) where lead_id = 1), 1, 'lead 1 has a recorded expiry');
insert into leads (id, user_id, created_at) values (2, 7, '2025-01-10 09:00');
create temp table seen as select coalesce(max(id), 0) as id from outbox;

select throws_ok($$call reinstate_lead_protection(3, 7, 'please')$$, 'LP011', null, 'a running protection is not reinstated');
select throws_ok($$call reinstate_lead_protection(1, 8, 'please')$$, 'LP002', null, 'nor for a user other than the lead''s');
select throws_ok($$call reinstate_lead_protection(1, null, 'please')$$, 'LP002', null, 'nor for nobody');
select throws_ok($$call reinstate_lead_protection(77, 7, 'please')$$, 'LP001', null, 'nor for an unknown lead');
select throws_ok($$call reinstate_lead_protection(1, 7, E' \t\n')$$, 'LP004', null, 'nor for a blank reason');
select throws_ok($$call reinstate_lead_protection(1, 7, null)$$, 'LP004', null, 'nor for none');
update leads set converted_at = now() where id = 4;
select throws_ok($$call reinstate_lead_protection(4, 7, 'please')$$, 'LP012', null, 'nor for a converted lead, even one that expired before');
select is((select count(*)::integer from lead_protection_periods where lead_id in (1, 3)), 2, 'what is refused leaves nothing behind');

call reinstate_lead_protection(1, 7, 'was ill', 99);
select results_eq(
    $$select user_id, state, protection_started_at, base_expires_at, reminder_due_at, last_qualified_activity_at, end_reason
        from v_user_lead_protection where id = 1$$,
    $$select 7::bigint, 'PROTECTED', now(), now() + interval '6 months', now() + interval '60 days', null::timestamptz, null::text$$,
    'a new protection starts now; neither old activities nor old extensions count in it'
);
select results_eq(
    $$select start_reason, end_reason, started_by, start_note from lead_protection_periods where lead_id = 1 order by id$$,
    $$values ('REGISTERED', 'BASE_TERM', null::bigint, null::text), ('REINSTATED', null, 99, 'was ill')$$,
    'the period says who reinstated it and why'
);
select results_eq(
    $$select event_type, payload ->> 'current_state' from outbox where lead_id = 1 and id > (select id from seen) order by id$$,
    $$values ('lead.protection.reinstated', 'PROTECTED')$$,
    'the reinstatement is told'
);
call reinstate_lead_protection(lead_id => 2, user_id => 7, reason => 'was ill');
select results_eq(
    $$select end_reason, ended_at, recorded_at from lead_protection_periods where lead_id = 2 order by id$$,
    $$values ('BASE_TERM', timestamptz '2025-07-10 09:00', now()), (null, null, null)$$,
    'an expiry not yet recorded is recorded on the way'
);
select results_eq(
    $$select event_type from outbox where lead_id = 2 and id > (select id from seen) order by id$$,
    $$values ('lead.protection.expired'), ('lead.protection.reinstated')$$,
    'and told before'
);
select throws_ok($$call reinstate_lead_protection(1, 7, 'again')$$, 'LP011', null, 'a second reinstatement finds it running');
select is((select state from lead_protection_at(1, now() - interval '1 second')), 'EXPIRED', 'in between it was expired');
select is((select count(*)::integer from lead_protection_periods where lead_id = 1 and ended_at is null), 1, 'one period runs');
select is_empty($$select * from verify_lead_protection() where lead_id <= 4$$, 'what is stored is what the facts come to');

select * from finish();
rollback;
