-- "May we go live?": what measures itself passes by its figures and fails by them, and without any it has not passed;
-- what a person signs off counts until it expires or is withdrawn.
begin;
select plan(41);
set local time zone 'Europe/Berlin';
set local client_min_messages = warning;
-- No season but the one that a test makes.
delete from seasons;

create function pg_temp.measured() returns table (criterion text, status text, value numeric, evidence text) language sql as $$
    select c.criterion, c.status, trim_scale(c.value), c.evidence from public.go_live_criteria as c where c.kind = 'MEASURED' and c.criterion <> 'peak_performance'
$$;
create function pg_temp.stands(p_criterion text) returns text language sql as $$
    select c.status || ': ' || c.evidence from public.go_live_criteria as c where c.criterion = p_criterion
$$;
create temp table books as select count(distinct runbook) as n from runbooks;

-- As migrated.
create temp table first_look as select * from go_live_criteria;
select results_eq('select criterion, kind from first_look',
    $$values ('reminder_sla', 'MEASURED'), ('sample_success', 'MEASURED'), ('catering_response', 'MEASURED'), ('cost_per_lead', 'MEASURED'),
             ('rollback_tested', 'SIGNED_OFF'), ('emergency_contacts', 'SIGNED_OFF'), ('escalation_matrix', 'SIGNED_OFF'), ('alerts_tested', 'SIGNED_OFF'),
             ('round_the_clock', 'SIGNED_OFF'), ('runbooks', 'MEASURED'), ('integration', 'MEASURED'), ('peak_performance', 'MEASURED')$$,
    'the list is the plan''s');
select results_eq($$select criterion, target from first_look where category = 'targets'$$,
    $$values ('reminder_sla', '< 3600 seconds'), ('sample_success', '> 85 percent'), ('catering_response', '< 7200 seconds'), ('cost_per_lead', '< 25 EUR')$$,
    'and so are its targets');
select is_empty($$select * from first_look where title is null or category is null or target is null or evidence is null or (status = 'PASS') <> (action is null)$$,
    'each has its evidence, and what has not passed says what to do');
select set_eq($$select kind, status, count(*)::integer from first_look group by kind, status$$, $$values ('MEASURED', 'NO_DATA', 6), ('SIGNED_OFF', 'OPEN', 5), ('MEASURED', 'PASS', 1)$$,
    'where nothing has happened nothing has passed, but that the runbooks are there');

-- By a hair too much, or too little.
insert into leads (id, user_id, created_at) values (9000001, 7, now() - interval '90 days'), (9000002, 7, now() - interval '90 days'), (9000003, 7, now());
insert into lead_reminders (id, lead_id, user_id, window_start, due_at, known_at, sent_at)
values (1, 9000001, 7, '2026-01-01', now() - interval '6 days', now() - interval '6 days', now() - interval '143 hours');
insert into sample_requests (user_id, product_type, status, requested_at, resolved_at)
select 7, 'Pasta', s.status, now() - interval '5 days', now() - interval '4 days'
  from (values ('DELIVERED', 17), ('FAILED', 2), ('LOST', 1)) as s (status, n) cross join generate_series(1, s.n);
insert into event_catering_requests (id, user_id, event_type, requested_at, responded_at) values (1, 7, 'Gala', now() - interval '6 days', now() - interval '142 hours');
insert into cost_entries (cost_type, amount_eur, incurred_at) values ('AI', 25, now() - interval '2 days');
insert into runbook_steps (runbook, locale, position, instruction, is_read_only) select runbook, locale, 99, 'Call.', true from runbooks where runbook = 'sample-loss';
delete from runbook_steps where runbook = 'sample-loss' and locale = 'de';
insert into internal.figure_counters (figure, label_1, amount)
values ('outbox_published_total', 'lead.created', 3), ('outbox_published_total', 'sample.request.created', 2), ('outbox_published_total', 'event.catering.requested', 0);
select results_eq('select * from pg_temp.measured()', format($$values
    ('reminder_sla', 'FAIL', 3600::numeric, '1 sent in 7 days, 1 of them in time, the slowest after 3600 s; the oldest unsent waits for 0 s'),
    ('sample_success', 'FAIL', 85, '17 delivered, 1 lost, 2 failed in 7 days'),
    ('catering_response', 'FAIL', 7200, '1 answered in 7 days, the slowest after 7200 s; 1 late or not at all'),
    ('cost_per_lead', 'FAIL', 25, '25.00 EUR in 7 days, new leads: 1'),
    ('runbooks', 'FAIL', %1$s, '%1$s runbooks, incomplete: sample-loss; help on lead protection: answers'),
    ('integration', 'NO_DATA', 3, 'nothing yet of: catering; dead letters: 0 in the outbox, 0 in the inbox')$$, n),
    'what only just misses its target fails, and says by what') from books;

-- By a hair enough.
update lead_reminders set sent_at = sent_at - interval '1 second' where id = 1;
insert into sample_requests (user_id, product_type, status, requested_at, resolved_at) values (7, 'Pasta', 'DELIVERED', now() - interval '5 days', now());
delete from event_catering_requests;
insert into event_catering_requests (id, user_id, event_type, requested_at, responded_at) values (2, 7, 'Gala', now() - interval '6 days', now() - interval '142 hours 0.4 seconds');
update cost_entries set amount_eur = 24.99;
insert into runbook_steps (runbook, locale, position, instruction, is_read_only) values ('sample-loss', 'de', 1, 'Rufen.', true);
update internal.figure_counters set amount = 1 where label_1 = 'event.catering.requested';
select results_eq('select criterion, status, value from pg_temp.measured()', format($$values
    ('reminder_sla', 'PASS', 3599::numeric), ('sample_success', 'PASS', 85.71), ('catering_response', 'PASS', 7199), ('cost_per_lead', 'PASS', 24.99),
    ('runbooks', 'PASS', %s), ('integration', 'PASS', 4)$$, n),
    'what only just meets it passes') from books;

-- A season's lower target for samples is none of the plan's.
savepoint before_season;
insert into sample_requests (user_id, product_type, status, requested_at, resolved_at)
select 7, 'Pasta', 'FAILED', now() - interval '5 days', now() - interval '4 days';
insert into seasons (season, first_month, last_month, load_multiplier, app_utilisation, worker_utilisation, database_utilisation, sample_success_target)
values ('always', 1, 12, 3, 0.6, 0.6, 0.6, 0.80);
select is((select status from monitoring_samples where kpi = 'sample_success' and dimension = '7d'), 'OK', 'what is well in a season');
select results_eq($$select status, target from go_live_criteria where criterion = 'sample_success'$$, $$values ('FAIL', '> 85 percent')$$, 'is no reason to go live');
rollback to savepoint before_season;

-- What has not happened and should have; targets are those of today.
update lead_reminders set sent_at = null, due_at = now() - interval '2 hours', known_at = now() - interval '2 hours';
update settings set value = '24.99' where name = 'cost_per_lead_budget';
delete from event_catering_requests;
insert into event_catering_requests (user_id, event_type, requested_at) values (7, 'Gala', now() - interval '2 hours');
update runbooks set kind = 'generic';
insert into inbox_dead_letters (source, payload, reason) values ('nats://x', 'x', 'malformed');
select results_eq('select * from pg_temp.measured()', format($$values
    ('reminder_sla', 'FAIL', 7200::numeric, '0 sent in 7 days, 0 of them in time, the slowest after - s; the oldest unsent waits for 7200 s'),
    ('sample_success', 'PASS', 85.71, '18 delivered, 1 lost, 2 failed in 7 days'),
    ('catering_response', 'FAIL', null, '0 answered in 7 days, the slowest after - s; 1 late or not at all'),
    ('cost_per_lead', 'FAIL', 24.99, '24.99 EUR in 7 days, new leads: 1'),
    ('runbooks', 'FAIL', %1$s, '%1$s runbooks, incomplete: none; help on lead protection: does not answer'),
    ('integration', 'FAIL', 4, 'nothing yet of: none; dead letters: 0 in the outbox, 1 in the inbox')$$, n),
    'what waits too long, a lower budget, help that is none and a dead letter are failures') from books;
select is_empty($$select event_type from event_types where event_type !~ '^(lead|sample|event[.]catering|cost)[.]'$$, 'no module of the registry is forgotten');

-- A peak that was rehearsed.
select is(pg_temp.stands('peak_performance'), 'NO_DATA: 0 of 0 seasons, not: none', 'without a season there is no peak to rehearse');
insert into seasons values ('Low', 4, 4, 3, 0.5, 0.5, 0.5), ('High', 9, 9, 5, 0.5, 0.5, 0.5);
select is(pg_temp.stands('peak_performance'), 'NO_DATA: 0 of 2 seasons, not: Low, High', 'nor is there data without a rehearsal');
insert into rehearsals (baseline_rps, load_multiplier, seconds, passed, verdicts, requests, rehearsed_at)
values (50, 5, 60, true, '[]', '{}', now() - interval '2160 hours'), (50, 3, 60, true, '[]', '{}', now() - interval '1 day'), (50, 5, 59, true, '[]', '{}', now());
select is(pg_temp.stands('peak_performance'), 'FAIL: 1 of 2 seasons, not: High', 'one at a lower load, of three months ago or of less than a minute shows nothing');
insert into rehearsals (baseline_rps, load_multiplier, seconds, passed, verdicts, requests) values (50, 5, 60, false, '[]', '{}'), (50, 5, 60, true, '[]', '{}');
select is(pg_temp.stands('peak_performance'), 'PASS: 2 of 2 seasons, not: none', 'the latest counts, of the lower season as well');
insert into rehearsals (baseline_rps, load_multiplier, seconds, passed, verdicts, requests) values (50, 6, 60, false, '[]', '{}');
select is(pg_temp.stands('peak_performance'), 'FAIL: 0 of 2 seasons, not: Low, High', 'and when it failed, it fails');

-- Signed off, expired, withdrawn.
set local role lead_operations;
select is((select (s.criterion, s.decision, s.signed_off_by, s.reference, s.expires_at - s.signed_off_at)::text from sign_off_go_live_criterion('rollback_tested', 99, 'OPS-17') as s),
    '(rollback_tested,SIGNED_OFF,99,OPS-17,"90 days")', 'operations sign off, for 90 days');
select results_eq($$select status, signed_off_by, reference, expires_at = now() + interval '2160 hours', action from go_live_criteria where criterion = 'rollback_tested'$$,
    $$values ('PASS', 99::bigint, 'OPS-17', true, null)$$, 'and it passes, with who and by what');
select throws_ok($$insert into go_live_sign_offs (criterion, decision, signed_off_by, reference, expires_at) values ('rollback_tested', 'SIGNED_OFF', 9, 'x', 'infinity')$$,
    '42501', null, 'by no other way');
reset role;
set local role lead_worker;
select throws_ok($$select sign_off_go_live_criterion('rollback_tested', 99, 'OPS-17')$$, '42501', null, 'and nobody else does');
reset role;
alter table go_live_sign_offs disable trigger user;
update go_live_sign_offs set signed_off_at = now() - interval '2160 hours', expires_at = now();
select matches(pg_temp.stands('rollback_tested'), '^EXPIRED: expired on .* UTC: OPS-17$', 'at the moment of its end it counts no more');
update go_live_sign_offs set expires_at = now() + interval '1 second';
alter table go_live_sign_offs enable trigger user;
select matches(pg_temp.stands('rollback_tested'), '^PASS: signed off until .* UTC: OPS-17$', 'a second before it does');
select sign_off_go_live_criterion('rollback_tested', 98, 'OPS-18', '1 day');
select matches(pg_temp.stands('rollback_tested'), 'OPS-18$', 'the latest counts');
select withdraw_go_live_sign_off('rollback_tested', 97, 'the restore failed');
select is(pg_temp.stands('rollback_tested'), 'OPEN: withdrawn by user 97: the restore failed', 'withdrawn, none does');
select throws_ok($$select withdraw_go_live_sign_off('rollback_tested', 97, 'again')$$, 'LP064', null, 'what does not count is not withdrawn');
select sign_off_go_live_criterion('rollback_tested', 99, 'OPS-19');
insert into go_live_questions (criterion, position, category, title, what_to_do) values ('works_council', 300, 'ours', 'The works council has agreed', 'Ask it.');
select results_eq($$select status, action from go_live_criteria where criterion in ('rollback_tested', 'works_council')$$,
    $$values ('PASS', null), ('OPEN', 'Ask it. Then: leadguard go-live sign-off works_council')$$, 'it may be signed off again, and an installation may ask more');
select is((select count(*)::integer from go_live_sign_offs), 4, 'all of it stays on record');
select throws_ok('update go_live_sign_offs set reference = ''x''', 'LP020', null, 'and is not changed');
select throws_ok(format('select sign_off_go_live_criterion(%s)', s.given), s.code, null, format('refused: %s', s.given)) from (values
    ('''brunch'', 99, ''x''', 'LP060'), ('''runbooks'', 99, ''x''', 'LP061'), ('''rollback_tested'', 99, '' ''', 'LP062'), ('''rollback_tested'', 99, ''x'', ''23 hours''', 'LP063'),
    ('''rollback_tested'', 99, ''x'', ''367 days''', 'LP063'), ('''rollback_tested'', 99, ''x'', ''1 year 6 days''', 'LP063'),
    ('''rollback_tested'', 99, ''x'', null', 'LP063'), ('''rollback_tested'', null, ''x''', 'LP065')) as s (given, code);
select throws_ok($$select withdraw_go_live_sign_off('rollback_tested', 99, '')$$, 'LP062', null, 'nor is anything withdrawn without a reason');
select throws_ok($$select withdraw_go_live_sign_off('rollback_tested', null, 'x')$$, 'LP065', null, 'nor by nobody');
select throws_ok(format('update settings set value = %L where name = ''go_live_at''', v), '23514', null, format('go-live is not at %s', v))
  from unnest(array['soon', '2026-12-01', 'infinity', '2026-12-01 06:00']) as v;
select * from finish();
rollback;
