-- Who may what: role x object x privilege against a literal table, then real calls in each role.
begin;
select plan(168);
set local time zone 'Europe/Berlin';
set local client_min_messages = warning;

create temp table roles as
select r.role from unnest(array['module02_writer', 'module03_writer', 'finops_writer', 'lead_operations', 'lead_worker', 'lead_exporter', 'grafana_reader']) as r (role);

-- Relations: whole-table rights; what is granted by column stands in a table of its own.
create temp table granted as
select r.role, c.oid::regclass::text as relation, string_agg(p.privilege, ' ' order by p.n) as privileges
  from roles as r
 cross join pg_class as c
 cross join unnest(array['SELECT', 'INSERT', 'UPDATE', 'DELETE', 'TRUNCATE', 'REFERENCES', 'TRIGGER']) with ordinality as p (privilege, n)
 where c.relnamespace in ('public'::regnamespace, 'internal'::regnamespace) and c.relkind in ('r', 'p', 'v', 'm', 'f')
   and has_table_privilege(r.role, c.oid, p.privilege)
 group by r.role, c.oid;
select is_empty(
    $$select v.viewname from pg_views as v where v.schemaname = 'public'
         and not exists (select from granted as g where g.role = 'lead_operations' and g.relation = v.viewname and g.privileges = 'SELECT')
         and not exists (select from pg_depend as d where d.classid = 'pg_class'::regclass and d.objid = format('public.%I', v.viewname)::regclass and d.deptype = 'e')$$,
    'operations read every view'
);
select set_eq(
    $$select role, relation, privileges from granted where (role, relation) not in (select 'lead_operations', viewname from pg_views where viewname like 'metric\_%')$$,
    $$values
        ('module02_writer', 'leads', 'SELECT INSERT DELETE'), ('module02_writer', 'lead_activities', 'SELECT INSERT DELETE'), ('module02_writer', 'sales_users', 'SELECT INSERT UPDATE DELETE'),
        ('module02_writer', 'v_user_lead_protection', 'SELECT'), ('module02_writer', 'activity_types', 'SELECT'), ('module02_writer', 'error_codes', 'SELECT'),
        ('lead_operations', 'leads', 'SELECT'), ('lead_operations', 'lead_activities', 'SELECT'), ('lead_operations', 'lead_holds', 'SELECT'), ('lead_operations', 'lead_reminders', 'SELECT'),
        ('lead_operations', 'lead_extensions', 'SELECT'), ('lead_operations', 'lead_protection_periods', 'SELECT'), ('lead_operations', 'protection_policies', 'SELECT'),
        ('lead_operations', 'activity_types', 'SELECT'), ('lead_operations', 'sales_users', 'SELECT'), ('lead_operations', 'settings', 'SELECT'), ('lead_operations', 'job_runs', 'SELECT'),
        ('lead_operations', 'outbox', 'SELECT'), ('lead_operations', 'outbox_archive', 'SELECT'), ('lead_operations', 'error_codes', 'SELECT'),
        ('lead_operations', 'outbox_dead_letters', 'SELECT'), ('lead_operations', 'monitoring_outbox', 'SELECT'), ('grafana_reader', 'monitoring_outbox', 'SELECT'),
        ('lead_operations', 'event_types', 'SELECT'), ('lead_operations', 'event_type_members', 'SELECT'), ('lead_operations', 'v_event_type_members', 'SELECT'),
        ('grafana_reader', 'v_event_type_members', 'SELECT'),
        ('lead_operations', 'v_user_lead_protection', 'SELECT'), ('lead_operations', 'v_lead_timeline', 'SELECT'), ('lead_operations', 'monitoring_user_lead', 'SELECT'),
        ('grafana_reader', 'v_user_lead_protection', 'SELECT'), ('grafana_reader', 'v_lead_timeline', 'SELECT'), ('grafana_reader', 'monitoring_user_lead', 'SELECT'),
        ('module03_writer', 'sample_requests', 'SELECT INSERT DELETE'), ('module03_writer', 'event_catering_requests', 'SELECT INSERT DELETE'), ('module03_writer', 'error_codes', 'SELECT'),
        ('finops_writer', 'cost_entries', 'SELECT INSERT'), ('finops_writer', 'error_codes', 'SELECT'),
        ('lead_operations', 'sample_requests', 'SELECT'), ('lead_operations', 'event_catering_requests', 'SELECT'), ('lead_operations', 'cost_entries', 'SELECT'),
        ('lead_operations', 'cost_budget_breaches', 'SELECT'), ('lead_operations', 'seasons', 'SELECT'), ('lead_operations', 'v_current_season', 'SELECT'),
        ('lead_operations', 'mail_messages', 'SELECT'), ('lead_operations', 'mail_message_reminders', 'SELECT'), ('lead_operations', 'monitoring_mail', 'SELECT'),
        ('grafana_reader', 'monitoring_mail', 'SELECT'), ('lead_operations', 'v_reminders_to_be_mailed', 'SELECT'),
        ('lead_exporter', 'metric_mail_messages_total', 'SELECT'), ('lead_exporter', 'metric_mail_messages_pending', 'SELECT'), ('lead_exporter', 'metric_mail_messages_stuck', 'SELECT'),
        ('lead_operations', 'monitoring_samples', 'SELECT'), ('grafana_reader', 'monitoring_samples', 'SELECT'),
        ('lead_operations', 'monitoring_event_catering', 'SELECT'), ('grafana_reader', 'monitoring_event_catering', 'SELECT'),
        ('lead_operations', 'monitoring_cost_per_lead', 'SELECT'), ('grafana_reader', 'monitoring_cost_per_lead', 'SELECT'),
        ('lead_operations', 'monitoring_jobs', 'SELECT'), ('grafana_reader', 'monitoring_jobs', 'SELECT'),
        ('lead_exporter', 'metric_outbox_dead_letters', 'SELECT'), ('lead_exporter', 'metric_leadguard_kpi_threshold', 'SELECT'),
        ('lead_exporter', 'metric_leadguard_kpi_tolerated', 'SELECT'),
        ('lead_exporter', 'metric_leadguard_job_max_silence_seconds', 'SELECT'), ('lead_exporter', 'metric_leadguard_job_expected_since_timestamp_seconds', 'SELECT'),
        ('lead_operations', 'expected_jobs', 'SELECT'), ('lead_operations', 'v_expected_jobs', 'SELECT'), ('grafana_reader', 'v_expected_jobs', 'SELECT'),
        ('lead_operations', 'kpi_thresholds', 'SELECT'), ('lead_operations', 'v_kpi_thresholds', 'SELECT'), ('grafana_reader', 'v_kpi_thresholds', 'SELECT'),
        ('lead_exporter', 'metric_event_catering_sla_breaches_total', 'SELECT'), ('lead_exporter', 'metric_event_catering_sla_seconds', 'SELECT'),
        ('lead_exporter', 'metric_finops_cost_per_lead', 'SELECT'),
        ('lead_exporter', 'metric_finops_cost_per_lead_budget', 'SELECT'), ('lead_exporter', 'metric_job_duration_seconds', 'SELECT'),
        ('lead_exporter', 'metric_job_last_success_timestamp_seconds', 'SELECT'),
        ('lead_exporter', 'metric_job_runs_total', 'SELECT'), ('lead_exporter', 'metric_lead_conversion_success_total', 'SELECT'), ('lead_exporter', 'metric_lead_holds_active', 'SELECT'),
        ('lead_exporter', 'metric_lead_holds_overrun', 'SELECT'), ('lead_exporter', 'metric_lead_protection_expired_total', 'SELECT'),
        ('lead_exporter', 'metric_lead_protection_reactivated_total', 'SELECT'),
        ('lead_exporter', 'metric_lead_protection_state', 'SELECT'), ('lead_exporter', 'metric_lead_qualified_activity_total', 'SELECT'),
        ('lead_exporter', 'metric_lead_reminder_delay_seconds', 'SELECT'),
        ('lead_exporter', 'metric_lead_reminder_due_total', 'SELECT'), ('lead_exporter', 'metric_lead_reminder_oldest_due_seconds', 'SELECT'),
        ('lead_exporter', 'metric_lead_reminder_sent_total', 'SELECT'),
        ('lead_exporter', 'metric_lead_reminders_pending', 'SELECT'), ('lead_exporter', 'metric_leadguard_database_connections', 'SELECT'),
        ('lead_exporter', 'metric_leadguard_database_connections_limit', 'SELECT'),
        ('lead_exporter', 'metric_leadguard_notify_queue_usage_ratio', 'SELECT'), ('lead_exporter', 'metric_leadguard_oldest_transaction_seconds', 'SELECT'),
        ('lead_exporter', 'metric_leadguard_snapshot_age_seconds', 'SELECT'),
        ('lead_exporter', 'metric_outbox_lag_seconds', 'SELECT'), ('lead_exporter', 'metric_outbox_pending', 'SELECT'), ('lead_exporter', 'metric_outbox_published_total', 'SELECT'),
        ('lead_exporter', 'metric_sample_request_failed_total', 'SELECT'), ('lead_exporter', 'metric_sample_request_lost_total', 'SELECT'),
        ('lead_exporter', 'metric_sample_request_success_total', 'SELECT'),
        ('lead_exporter', 'metric_sample_request_total', 'SELECT'),
        ('lead_operations', 'inbox_dead_letters', 'SELECT'), ('lead_operations', 'disabled_sinks', 'SELECT'), ('lead_operations', 'paused_sinks', 'SELECT'),
        ('lead_exporter', 'metric_inbox_dead_letters', 'SELECT'), ('lead_exporter', 'metric_disabled_sinks', 'SELECT'),
        ('lead_operations', 'runbooks', 'SELECT'), ('lead_operations', 'runbook_steps', 'SELECT'),
        ('lead_operations', 'go_live_questions', 'SELECT'), ('lead_operations', 'go_live_sign_offs', 'SELECT'),
        ('lead_operations', 'go_live_criteria', 'SELECT'), ('grafana_reader', 'go_live_criteria', 'SELECT'),
        ('lead_operations', 'rehearsals', 'SELECT'), ('lead_operations', 'drill_results', 'SELECT'),
        ('grafana_reader', 'v_current_season', 'SELECT'), ('lead_exporter', 'metric_season_active', 'SELECT'), ('lead_exporter', 'metric_season_load_multiplier', 'SELECT'),
        ('lead_exporter', 'metric_season_milestones_overdue', 'SELECT'), ('lead_operations', 'season_milestones', 'SELECT'), ('lead_operations', 'season_milestone_templates', 'SELECT'),
        ('lead_operations', 'v_season_milestones', 'SELECT'), ('grafana_reader', 'v_season_milestones', 'SELECT'),
        ('lead_operations', 'monitoring_season', 'SELECT'), ('grafana_reader', 'monitoring_season', 'SELECT'),
        ('lead_operations', 'monitoring_war_room', 'SELECT'), ('grafana_reader', 'monitoring_war_room', 'SELECT'),
        ('lead_exporter', 'metric_season_database_utilisation_target', 'SELECT'), ('lead_exporter', 'metric_lead_protection_state_by_user', 'SELECT')$$,
    'rights on tables and views are these and no others'
);
select set_eq(
    $$select r.role, c.oid::regclass::text, p.privilege, a.attname::text
        from roles as r cross join pg_class as c join pg_attribute as a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
       cross join unnest(array['SELECT', 'INSERT', 'UPDATE', 'REFERENCES']) as p (privilege)
       where c.relnamespace in ('public'::regnamespace, 'internal'::regnamespace) and c.relkind in ('r', 'p', 'v')
         and has_column_privilege(r.role, c.oid, a.attnum, p.privilege) and not has_table_privilege(r.role, c.oid, p.privilege)$$,
    $$select v.role, v.relation, v.privilege, c.name
        from (values
            ('module02_writer', 'leads', 'UPDATE', 'user_id company_name city contact_name contact_email contact_phone created_at converted_at external_id'),
            ('module02_writer', 'lead_activities', 'UPDATE', 'lead_id user_id activity_type occurred_at summary external_id'),
            ('module03_writer', 'sample_requests', 'UPDATE', 'lead_id user_id product_type urgency status requested_at resolved_at external_id'),
            ('module03_writer', 'event_catering_requests', 'UPDATE', 'lead_id user_id event_type capacity_tier requested_at responded_at external_id')
        ) as v (role, relation, privilege, columns)
       cross join unnest(string_to_array(v.columns, ' ')) as c (name)$$,
    'modules write their own columns, and nothing that the system sets'
);
select set_eq(
    $$select r.role, p.oid::regproc::text from roles as r cross join pg_proc as p
       where p.pronamespace in ('public'::regnamespace, 'internal'::regnamespace) and has_function_privilege(r.role, p.oid, 'EXECUTE')
         and not exists (select from pg_depend as d where d.classid = 'pg_proc'::regclass and d.objid = p.oid and d.deptype = 'e')$$,
    $$values
        ('module02_writer', 'activate_lead_protection'), ('module02_writer', 'record_qualified_activity'), ('module02_writer', 'handle_module_event'),
        ('lead_worker', 'refresh_figures'), ('lead_worker', 'verify_figures'), ('lead_operations', 'verify_figures'), ('grafana_reader', 'cost_per_lead'),
    ('lead_exporter', 'oldest_transaction_seconds'), ('lead_operations', 'oldest_transaction_seconds'), ('lead_operations', 'kpi_status'), ('grafana_reader', 'kpi_status'),
        ('lead_operations', 'create_lead_hold'), ('lead_operations', 'release_lead_hold'), ('lead_operations', 'extend_lead_protection'), ('lead_operations', 'reinstate_lead_protection'),
        ('lead_operations', 'explain_lead_protection'), ('lead_operations', 'lead_protection_at'), ('lead_operations', 'user_lead_protection_at'),
        ('lead_operations', 'list_outbox_events'), ('lead_operations', 'replay_outbox_events'), ('lead_operations', 'discard_outbox_events'),
        ('lead_operations', 'simulate_lead_protection'), ('lead_operations', 'verify_lead_protection'), ('lead_operations', 'production_readiness_check'),
        ('lead_worker', 'claim_outbox_events'), ('lead_worker', 'claim_types_behind'), ('lead_worker', 'acknowledge_outbox_events'), ('lead_worker', 'refuse_outbox_events'),
        ('lead_worker', 'put_off_outbox_event'), ('lead_worker', 'release_outbox_claim'), ('lead_worker', 'announce_outbox_sleep'),
        ('lead_worker', 'end_outbox_sleep'), ('lead_worker', 'drop_outbox_partitions'), ('lead_worker', 'purge_inbox'), ('lead_worker', 'purge_job_runs'),
        ('lead_worker', 'purge_inbox_dead_letters'), ('lead_worker', 'purge_budget_breaches'),
        ('lead_worker', 'dispatch_due_reminders'), ('lead_worker', 'count_due_leads'), ('lead_operations', 'count_due_leads'),
        ('lead_worker', 'expire_due_protections'), ('lead_worker', 'make_outbox_partitions'), ('lead_worker', 'start_job_run'), ('lead_worker',
        'finish_job_run'), ('lead_worker', 'record_job_run'), ('lead_worker', 'verify_lead_protection'),
        ('grafana_reader', 'explain_lead_protection'), ('module03_writer', 'internal.is_blank'), ('finops_writer', 'internal.is_blank'),
        ('lead_worker', 'record_catering_breaches'), ('lead_worker', 'record_budget_breaches'), ('lead_operations', 'capacity_recommendation'),
        ('lead_operations', 'cost_per_lead'), ('lead_operations', 'season_at'), ('lead_worker', 'season_at'), ('lead_exporter', 'season_at'), ('grafana_reader', 'season_at'),
        ('lead_worker', 'compose_mail_messages'), ('lead_worker', 'claim_mail_messages'), ('lead_worker', 'start_mail_message'), ('lead_worker', 'record_mail_sent'),
        ('lead_worker', 'record_mail_failure'), ('lead_worker', 'release_mail_messages'), ('lead_worker', 'purge_mail_messages'), ('lead_worker', 'mail_sender'), ('lead_operations', 'mail_sender'),
        ('lead_operations', 'resend_mail_messages'), ('lead_operations', 'replace_mail_by_events'),
        ('lead_operations', 'record_rehearsal'), ('lead_operations', 'record_drill_result'),
        ('lead_worker', 'handle_module_event'), ('lead_worker', 'record_inbox_dead_letter'), ('lead_operations', 'replay_inbox_dead_letter'), ('lead_operations', 'discard_inbox_dead_letters'),
        ('lead_worker', 'disable_sink'), ('lead_worker', 'list_disabled_sinks'), ('lead_operations', 'list_disabled_sinks'), ('lead_operations', 'enable_sink'), ('lead_operations', 'expect_job'),
        ('lead_operations', 'season_load'), ('lead_operations', 'plan_season'), ('lead_operations', 'plan_seasons'), ('lead_worker', 'plan_seasons'), ('lead_operations', 'record_season_milestone'),
        ('lead_operations', 'reopen_season_milestone'), ('lead_operations', 'season_milestones_at'), ('grafana_reader', 'season_milestones_at'), ('lead_exporter', 'season_milestones_at'),
        ('lead_worker', 'pause_sink'), ('lead_worker', 'list_paused_sinks'), ('lead_operations', 'list_paused_sinks'),
        ('module02_writer', 'help_guided_operation'), ('module03_writer', 'help_guided_operation'), ('finops_writer', 'help_guided_operation'),
        ('lead_operations', 'help_guided_operation'), ('grafana_reader', 'help_guided_operation'),
        ('lead_operations', 'performance_since'), ('lead_operations', 'sign_off_go_live_criterion'), ('lead_operations', 'withdraw_go_live_sign_off'),
        -- What the views run, with their reader's right.
        ('lead_operations', 'internal.measure_go_live'), ('grafana_reader', 'internal.measure_go_live'),
        ('lead_operations', 'internal.reminders_between'), ('grafana_reader', 'internal.reminders_between'), ('lead_operations', 'internal.samples_between'),
        ('grafana_reader', 'internal.samples_between'), ('lead_operations', 'internal.catering_between'), ('grafana_reader', 'internal.catering_between'),
        ('module02_writer', 'internal.protection_row'), ('module02_writer', 'internal.days_between'),
        ('lead_operations', 'internal.protection_row'), ('lead_operations', 'internal.days_between'), ('lead_operations', 'internal.count_holds'),
        ('grafana_reader', 'internal.protection_row'), ('grafana_reader', 'internal.days_between'), ('grafana_reader', 'internal.count_holds')$$,
    'the functions each role may call are these and no others'
);
select is_empty(
    $$select r.role, p.privilege from roles as r cross join unnest(array['CREATE', 'TEMP']) as p (privilege) where has_database_privilege(r.role, current_database(), p.privilege)$$,
    'no runtime role may create schemas or temporary tables'
);
select is_empty(
    $$select r.role, n.oid::regnamespace from roles as r cross join pg_namespace as n where n.nspname in ('public', 'internal') and has_schema_privilege(r.role, n.oid, 'CREATE')$$,
    'nor create anything in our schemas'
);
select is_empty($$select role from roles where has_schema_privilege(role, 'internal', 'USAGE')$$, 'nor name anything in internal');
select is_empty($$select role from roles where not has_schema_privilege(role, 'public', 'USAGE')$$, 'each may use schema public');
select is_empty(
    $$select r.role, c.oid::regclass from roles as r cross join pg_class as c where c.relkind = 'S' and c.relnamespace in ('public'::regnamespace, 'internal'::regnamespace)
         and has_sequence_privilege(r.role, c.oid, 'SELECT, USAGE, UPDATE')$$,
    'nor touch a sequence'
);
select is_empty($$select m.roleid::regrole, m.member::regrole from pg_auth_members as m join roles as r on r.role in (m.member::regrole::text)$$, 'no runtime role is a member of another');

-- What the calls below find: an ordinary lead, one on hold, one whose reminder is due, one that has run out.
insert into leads (id, user_id, created_at) values (1, 7, now() - interval '20 days'), (2, 7, now() - interval '20 days'), (3, 7, now() - interval '61 days'), (4, 7, now() - interval '7 months');
insert into lead_holds (id, lead_id, user_id, reason, start_at) values (9000000000001, 2, 7, 'x', now() - interval '2 days');
insert into lead_activities (id, lead_id, user_id, activity_type, occurred_at) values (9000000000001, 1, 7, 'QUALIFIED_CALL', now() - interval '3 days');
select internal.write_module_event('sample.request.created', now(), null, 7, null, '{"sample_request_id": 9}');

-- Ids that the database gives must not meet those above: the sequence knows nothing of them.
do $$
begin
    perform setval(pg_get_serial_sequence('public.leads', 'id'), greatest(1000000, nextval(pg_get_serial_sequence('public.leads', 'id'))));
end
$$;

set local role module02_writer;
select lives_ok($$insert into leads (id, user_id, company_name) values (10, 7, 'Hotel Krone')$$, 'Module 02 registers a lead');
select lives_ok($$insert into leads (user_id) values (7)$$, 'and one whose id the database gives');
select lives_ok($$insert into lead_activities (lead_id, user_id, activity_type) values (10, 7, 'QUALIFIED_CALL')$$, 'Module 02 records an activity');
select is((select state from v_user_lead_protection where id = 10), 'PROTECTED', 'and reads its protection');
select is((select count(*)::integer from v_user_lead_protection where id in (1, 2, 3, 4)), 4, 'and that of leads on hold, due and over');
select lives_ok($$update lead_activities set occurred_at = now() - interval '1 hour', summary = 'x' where lead_id = 10$$, 'corrects an activity');
select lives_ok($$update leads set user_id = 8, city = 'Kiel' where id = 10$$, 'hands a lead over');
select lives_ok($$update leads set created_at = now() - interval '1 day' where id = 1$$, 'corrects a start');
select lives_ok($$update leads set converted_at = now() where id = 10$$, 'converts a lead');
select lives_ok($$insert into sales_users (user_id, display_name) values (70, 'Ada')$$, 'enters a user');
select lives_ok($$update sales_users set email = 'ada@example.org' where user_id = 70$$, 'corrects one');
select lives_ok($$delete from sales_users where user_id = 70$$, 'removes one');
select lives_ok($$delete from lead_activities where lead_id = 10$$, 'deletes an activity');
select lives_ok($$delete from leads where id = 10$$, 'deletes a lead');
select is(handle_module_event('{"event_id": "00000000-0000-4000-8000-000000000001", "event_type": "lead.created", "lead_id": 11, "user_id": 7}'), 'APPLIED', 'hands in an event');
select lives_ok($$select activate_lead_protection(11, 7)$$, 'activates a protection');
select lives_ok($$select record_qualified_activity(11, 7)$$, 'records a qualified activity');
select throws_ok($$insert into leads (id) values (1)$$, '23502', null, 'is told of its own mistakes');
select throws_ok($$insert into lead_activities (lead_id, user_id, activity_type) values (777, 7, 'QUALIFIED_CALL')$$, 'LP001', null, 'with the codes of Leadguard');
insert into lead_activities (id, lead_id, user_id, activity_type, counts_from) values (990001, 1, 7, 'EMAIL_SENT', now());
select is((select counts_from from lead_activities where id = 990001), null, 'what the system sets is not for Module 02 to set');
select throws_ok(s.statement, '42501', null, format('Module 02 may not: %s', s.statement)) from (values
    ('insert into lead_holds (lead_id, user_id, reason) values (1, 7, ''x'')'), ('select * from lead_holds'), ('select * from lead_reminders'), ('select * from outbox'),
    ('update lead_activities set counts_from = now()'),
    ('update leads set id = 5 where id = 1'), ('truncate leads cascade'), ('select * from internal.lead_clocks'), ('insert into activity_types values (''X'', true)'),
    ('call create_lead_hold(1, 7, ''x'')'), ('select expire_due_protections()'), ('select dispatch_due_reminders()'), ('create temp table t (x integer)'), ('create table public.t (x integer)'),
    ('select * from explain_lead_protection(1)'), ('update protection_policies set version = 2')) as s (statement);
reset role;

set local role lead_operations;
select lives_ok($$call create_lead_hold(1, 7, 'recipe', 99)$$, 'operations stop a clock');
select lives_ok($$call release_lead_hold(1, 7, 99)$$, 'let it run');
select lives_ok($$call extend_lead_protection(1, 7, '1 month', 'tender', 99)$$, 'extend');
select lives_ok($$call reinstate_lead_protection(4, 7, 'was ill', 99)$$, 'reinstate');
select throws_ok($$call create_lead_hold(1, 8, 'recipe')$$, 'LP002', null, 'are refused with the codes of Leadguard');
select is((select count(*)::integer from explain_lead_protection(2)) > 1, true, 'explain');
select is((select count(*)::integer from simulate_lead_protection(1, '{}')), 1, 'try out');
select is((select count(*)::integer from lead_protection_at(1, now())), 1, 'look at any moment');
select cmp_ok((select count(*)::integer from user_lead_protection_at(now())), '>', 3, 'of every lead');
select is_empty('select * from verify_lead_protection()', 'check');
select cmp_ok((select count(*)::integer from v_user_lead_protection), '>', 3, 'read the view');
select cmp_ok((select count(*)::integer from v_lead_timeline where lead_id = 1), '>', 1, 'and the timeline');
select cmp_ok((select count(*)::integer from monitoring_user_lead), '>', 5, 'and the figures');
select cmp_ok((select count(*)::integer from lead_holds where lead_id = 1 and end_at is not null), '=', 1, 'and the tables behind them');
select throws_ok(s.statement, '42501', null, format('operations may not: %s', s.statement)) from (values
    ('insert into lead_holds (lead_id, user_id, reason) values (1, 7, ''x'')'), ('update lead_holds set end_at = now()'), ('delete from lead_holds'), ('insert into leads (user_id) values (1)'),
    ('update leads set user_id = 9'), ('delete from leads'), ('truncate lead_holds'), ('update settings set value = ''any'' where name = ''reminder_proof'''), ('select * from internal.lead_clocks'),
    ('insert into lead_extensions (lead_id, user_id, extension, reason) values (1, 7, ''1 day'', ''x'')'), ('update lead_protection_periods set ended_at = null'), ('delete from outbox'),
    ('select claim_outbox_events(''x'')'), ('select expire_due_protections()'), ('select handle_module_event(''{}'')'), ('create temp table t (x integer)')) as s (statement);
reset role;

insert into leads (id, user_id, created_at) values (20, 7, now() - interval '61 days'), (21, 7, now() - interval '7 months');
set local role lead_worker;
select cmp_ok((select count(*)::integer from dispatch_due_reminders(100)), '>', 0, 'the worker reminds');
select cmp_ok((select count(*)::integer from expire_due_protections(100)), '>', 0, 'expires');
select cmp_ok((select acknowledge_outbox_events(c.token, array_agg(c.id)) from claim_outbox_events('w', 3) as c group by c.token), '=', 3, 'claims and acknowledges');
select lives_ok('select release_outbox_claim(1)', 'releases');
select lives_ok($$select finish_job_run(start_job_run('sweep'), 'SUCCESS', '{}')$$, 'tells of its runs');
select lives_ok('select * from verify_lead_protection()', 'checks');
select throws_ok(s.statement, '42501', null, format('the worker may not: %s', s.statement)) from (values
    ('select * from leads'), ('select * from outbox'), ('update lead_reminders set sent_at = now()'), ('delete from outbox'),
    ('insert into lead_reminders (lead_id, user_id, window_start) values (1, 7, ''2025-01-01'')'),
    ('select * from v_user_lead_protection'), ('call create_lead_hold(1, 7, ''x'')'), ('call reinstate_lead_protection(1, 7, ''x'')'),
    ('update settings set value = ''any'''), ('insert into job_runs (job) values (''x'')'),
    ('create temp table t (x integer)'), ('truncate outbox')) as s (statement);
reset role;

set local role grafana_reader;
select is((select count(*)::integer from v_user_lead_protection where id = 2 and clock_stopped_since is not null), 1, 'Grafana reads the view: a lead on hold');
select is((select state from v_user_lead_protection where id = 3), 'REMINDER_DUE', 'one whose reminder is due');
select is((select state from v_user_lead_protection where id = 21), 'EXPIRED', 'one that is over');
select is((select clock from v_lead_timeline where lead_id = 2 order by step desc limit 1), 'STOPPED', 'the timeline');
select cmp_ok((select count(*)::integer from monitoring_user_lead), '>', 5, 'the figures');
select throws_ok(s.statement, '42501', null, format('Grafana may not: %s', s.statement)) from (values
    ('select * from leads'), ('select * from lead_activities'), ('select * from lead_holds'), ('select * from sales_users'), ('select * from outbox'),
    ('select * from settings'), ('select * from lead_protection_periods'),
    ('select * from internal.lead_clocks'), ('select internal.days_between(now(), now())'), ('call create_lead_hold(1, 7, ''x'')'),
    ('select expire_due_protections()'), ('select claim_outbox_events(''x'')'),
    ('select * from simulate_lead_protection(1, ''{}'')'), ('select * from user_lead_protection_at(now())'),
    ('insert into error_codes values (''LP999'', ''x'', ''x'')'), ('create temp table t (x integer)'), ('create table public.t (x integer)'), ('truncate leads')) as s (statement);
reset role;

set local role lead_exporter;
select throws_ok(s.statement, '42501', null, format('the exporter may not: %s', s.statement)) from (values
    ('select * from leads'), ('select * from v_user_lead_protection'), ('select * from monitoring_user_lead'),
    ('select * from explain_lead_protection(1)'), ('create temp table t (x integer)')) as s (statement);
reset role;
set local role module03_writer;
select lives_ok($$insert into sample_requests (id, lead_id, user_id, product_type) values (9000000000001, 1, 7, 'Pasta')$$, 'Module 03 enters a sample request');
select lives_ok($$insert into sample_requests (user_id, product_type) values (7, 'Pasta')$$, 'and one whose id the database gives');
select lives_ok($$update sample_requests set status = 'DELIVERED', resolved_at = now() where id = 9000000000001$$, 'tells that it has arrived');
select is((select count(*)::integer from sample_requests where id = 9000000000001 and status = 'DELIVERED'), 1, 'reads it');
select lives_ok($$insert into event_catering_requests (id, lead_id, user_id, event_type, capacity_tier) values (9000000000001, 1, 7, 'Gala', 'L')$$, 'enters a catering request');
select lives_ok($$update event_catering_requests set responded_at = now() where id = 9000000000001$$, 'answers it');
select lives_ok($$delete from event_catering_requests where id = 9000000000001$$, 'and deletes it');
select lives_ok($$delete from sample_requests where id = 9000000000001$$, 'as it does a sample request');
select throws_ok($$insert into sample_requests (lead_id, user_id, product_type) values (777, 7, 'x')$$, 'LP001', null, 'is refused with the codes of Leadguard');
select throws_ok(s.statement, '42501', null, format('Module 03 may not: %s', s.statement)) from (values
    ('select * from leads'), ('insert into leads (user_id) values (1)'), ('select * from v_user_lead_protection'),
    ('update sample_requests set id = 1'), ('update event_catering_requests set breached_at = null'), ('truncate sample_requests'), ('select * from cost_entries'),
    ('select record_catering_breaches()'),
    ('select handle_module_event(''{}'')'), ('create temp table t (x integer)')) as s (statement);
reset role;
set local role finops_writer;
select lives_ok($$insert into cost_entries (cost_type, amount_eur, user_id, team, source) values ('AI', 12.3456, 7, null, 'invoice 4711')$$, 'FinOps enters a cost');
select is((select amount_eur from cost_entries where source = 'invoice 4711'), 12.3456, 'and reads it');
select throws_ok(s.statement, '42501', null, format('FinOps may not: %s', s.statement)) from (values
    ('select * from leads'), ('select * from v_user_lead_protection'), ('select dispatch_due_reminders()'), ('create temp table t (x integer)'),
    ('update cost_entries set amount_eur = 0'), ('delete from cost_entries'), ('select * from sample_requests'), ('select * from cost_per_lead()')) as s (statement);
reset role;
set local role lead_operations;
select lives_ok('select * from sample_requests, event_catering_requests, cost_entries, cost_budget_breaches, seasons limit 1', 'operations read what the other modules write');
select lives_ok((select string_agg(format('select * from %I limit 1', v.viewname), ';') from pg_views as v where v.schemaname = 'public' and v.viewname like 'metric\_%'), 'every figure');
select is((select count(*)::integer from v_current_season), 1, 'which season it is');
select cmp_ok((select count(*)::integer from cost_per_lead()), '>=', 4, 'what a lead costs');
select is((select count(*)::integer from capacity_recommendation(50, 0.1)), 5, 'and what a season will need');
reset role;
set local role lead_worker;
select lives_ok('select * from record_catering_breaches(10)', 'the worker records answers that have not come');
select lives_ok('select * from record_budget_breaches()', 'and what was too dear');
reset role;
set local role lead_exporter;
select is((select count(*)::integer from metric_season_active join metric_season_load_multiplier using (season)), 3, 'the exporter reads the seasons');
select throws_ok('select * from seasons', '42501', null, 'from its views only');
reset role;
set local role grafana_reader;
select is((select count(*)::integer from v_current_season), 1, 'Grafana reads the season');
select throws_ok(s.statement, '42501', null, format('Grafana may not: %s', s.statement)) from (values
    ('select * from sample_requests'), ('select * from event_catering_requests'), ('select * from cost_entries'), ('select * from seasons')) as s (statement);
reset role;

-- A temporary table of the owner's session that bears the name of ours is not taken for ours.
create temp table error_codes (code text, message text, hint text);
insert into pg_temp.error_codes values ('LP001', 'forged', 'forged');
create temp table activity_types (activity_type text, is_qualified boolean);
insert into pg_temp.activity_types values ('EMAIL_SENT', true), ('FORGED', true);
select throws_ok($$select public.record_qualified_activity(1, 7, 'FORGED')$$, 'LP008', null, 'a temporary table cannot forge an activity type');
select throws_ok($$select public.record_qualified_activity(1, 7, 'EMAIL_SENT')$$, 'LP009', null, 'nor make one qualified');
create function pg_temp.now() returns timestamptz language sql as $$ select timestamptz '2024-01-01' $$;
select throws_ok($$select * from public.expire_due_protections(1, pg_catalog.now() + interval '1 second')$$, 'LP007', null, 'nor can a function of one''s own stop the clock');

select * from finish();
rollback;
