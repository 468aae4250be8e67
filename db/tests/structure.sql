-- Page 2 is a contract: names and columns are fixed, more columns may be added at the end.
begin;
select plan(70);

-- Tables: the columns of page 2, their types, in this order and before any later ones.
create temp table promised (relation text, n integer, name text, type text, is_required boolean);
insert into promised
select t.relation, c.n, split_part(c.def, ' ', 1), regexp_replace(substr(c.def, length(split_part(c.def, ' ', 1)) + 2), '!$', ''), c.def ~ '!$'
  from (values
      ('leads', array['id bigint!', 'user_id bigint!', 'company_name text', 'city text', 'contact_name text', 'contact_email text', 'contact_phone text',
                      'created_at timestamp with time zone!', 'converted_at timestamp with time zone']),
      ('lead_activities', array['id bigint!', 'lead_id bigint!', 'user_id bigint!', 'activity_type text!', 'occurred_at timestamp with time zone!',
      'summary text', 'created_at timestamp with time zone!']),
      ('lead_holds', array['id bigint!', 'lead_id bigint!', 'user_id bigint!', 'reason text!', 'start_at timestamp with time zone!',
      'end_at timestamp with time zone', 'created_by bigint', 'released_by bigint',
                           'created_at timestamp with time zone!']),
      ('lead_reminders', array['id bigint!', 'lead_id bigint!', 'user_id bigint!', 'reminder_type text!', 'window_start date!', 'due_at timestamp with time zone!', 'sent_at timestamp with time zone',
                               'channel text!', 'payload jsonb', 'event_id uuid', 'created_at timestamp with time zone!']),
      ('sales_users', array['user_id bigint!', 'display_name text', 'email text', 'team text', 'locale text!', 'policy text!', 'active boolean!']),
      ('sample_requests', array['id bigint!', 'lead_id bigint', 'user_id bigint!', 'product_type text!', 'urgency text!', 'status text!',
                                'requested_at timestamp with time zone!', 'resolved_at timestamp with time zone']),
      ('event_catering_requests', array['id bigint!', 'lead_id bigint', 'user_id bigint!', 'event_type text!', 'capacity_tier text!',
                                        'requested_at timestamp with time zone!', 'responded_at timestamp with time zone']),
      ('cost_entries', array['id bigint!', 'cost_type text!', 'amount_eur numeric!', 'user_id bigint', 'team text', 'incurred_at timestamp with time zone!', 'source text'])
  ) as t (relation, columns)
 cross join unnest(t.columns) with ordinality as c (def, n);
select is_empty(
    $$select p.* from promised as p
        left join pg_attribute as a on a.attrelid = ('public.' || p.relation)::regclass and a.attname = p.name and a.attnum = p.n
       where a.attname is null or format_type(a.atttypid, null) <> p.type or a.attnotnull is distinct from p.is_required$$,
    'the shared tables have the columns of page 2, in its order, of its types'
);
select is((select count(*)::integer from promised), 65, 'all 65 of them');
select has_column('public', t.relation, t.name, format('%s.%s exists', t.relation, t.name))
  from (values ('lead_extensions', 'lead_id'), ('lead_extensions', 'user_id'), ('lead_extensions', 'extension'), ('lead_extensions', 'reason'),
  ('lead_extensions', 'granted_by'), ('lead_extensions', 'granted_at'),
               ('protection_policies', 'policy'), ('protection_policies', 'version'), ('protection_policies', 'base_term'), ('protection_policies',
               'activity_interval'), ('protection_policies', 'grace_period'),
               ('protection_policies', 'time_zone'), ('protection_policies', 'max_hold'), ('protection_policies', 'reminder_digest_threshold'),
               ('lead_protection_periods', 'lead_id'), ('lead_protection_periods', 'user_id'), ('lead_protection_periods', 'started_at'), ('lead_protection_periods', 'ended_at'),
               ('lead_protection_periods', 'end_reason'), ('lead_protection_periods', 'recorded_at')) as t (relation, name);
select has_table('public', t.name, format('table %s exists', t.name)) from unnest(array['activity_types', 'settings', 'job_runs', 'error_codes', 'outbox', 'outbox_archive']) as t (name);
select is((select attidentity::text from pg_attribute where attrelid = 'public.leads'::regclass and attname = 'id'), 'd', 'leads.id is an identity, by default');
select col_default_is('public', 'leads', 'created_at', 'now()', 'leads.created_at is now by default');
select col_default_is('public', 'lead_activities', 'occurred_at', 'now()', 'lead_activities.occurred_at is now by default');
select col_default_is('public', 'lead_holds', 'start_at', 'now()', 'lead_holds.start_at is now by default');
select col_default_is('public', 'lead_reminders', 'reminder_type', 'INACTIVITY', 'lead_reminders.reminder_type is INACTIVITY by default');
select col_default_is('public', 'sales_users', 'policy', 'standard', 'sales_users.policy is standard by default');
select col_default_is('public', 'sample_requests', 'requested_at', 'now()', 'sample_requests.requested_at is now by default');
select col_default_is('public', 'sample_requests', 'status', 'REQUESTED', 'sample_requests.status is REQUESTED by default');
select col_default_is('public', 'event_catering_requests', 'requested_at', 'now()', 'event_catering_requests.requested_at is now by default');
select col_default_is('public', 'cost_entries', 'incurred_at', 'now()', 'cost_entries.incurred_at is now by default');
select is((select format_type(atttypid, atttypmod) from pg_attribute where attrelid = 'public.cost_entries'::regclass and attname = 'amount_eur'), 'numeric(12,4)',
    'amounts have four decimals');
select columns_are('public', 'metric_' || m.name, array['season', 'value'], format('metric_%s has its label and its value', m.name))
  from (values ('season_active'), ('season_load_multiplier')) as m (name);
select col_is_pk('public', 'sales_users', 'user_id', 'user_id is the key of sales_users');
select col_is_pk('public', 'leads', 'id', 'id is the key of leads');
select col_is_unique('public', 'lead_reminders', array['lead_id', 'user_id', 'reminder_type', 'window_start'], 'a reminder is unique per lead, user, type and window');
select results_eq(
    $$select activity_type, is_qualified from activity_types order by is_qualified desc, activity_type$$,
    $$values ('CUSTOMER_REACTION', true), ('QUALIFIED_CALL', true), ('ROI_PRESENTATION', true), ('SAMPLE_FEEDBACK', true), ('SCHEDULED_FOLLOWUP',
    true), ('EMAIL_SENT', false), ('MARKETING_TOUCH', false), ('SYSTEM_NOTE', false)$$,
    'the activity types are those of page 1'
);

-- Views.
select is(
    (select array_agg(attname::text || ' ' || format_type(atttypid, null) order by attnum) filter (where attnum <= 16)
       from pg_attribute where attrelid = 'public.v_user_lead_protection'::regclass and attnum > 0 and not attisdropped),
    array['id bigint', 'lead_id bigint', 'user_id bigint', 'state text', 'protection_expires_at timestamp with time zone', 'days_remaining numeric', 'protection_started_at timestamp with time zone',
          'last_qualified_activity_at timestamp with time zone', 'base_expires_at timestamp with time zone', 'reminder_due_at timestamp with time zone', 'reminder_sent_at timestamp with time zone',
          'grace_ends_at timestamp with time zone', 'clock_stopped_since timestamp with time zone', 'hold_until timestamp with time zone', 'end_reason text', 'policy text'],
    'v_user_lead_protection has the columns of page 2'
);
select is(
    (select array_agg(attname::text || ' ' || format_type(atttypid, null) order by attnum) from pg_attribute where attrelid = 'public.lead_protection'::regclass and attnum > 0),
    (select array_agg(attname::text || ' ' || format_type(atttypid, null) order by attnum) from pg_attribute where attrelid = 'public.v_user_lead_protection'::regclass and attnum > 0 and not attisdropped),
    'the functions'' row type is the view''s'
);
select columns_are('public', 'v_lead_timeline', array['lead_id', 'step', 'at', 'fact', 'effect', 'clock', 'reminder_due_at', 'protection_expires_at',
    'kind', 'user_id', 'counts'],
    'v_lead_timeline has the columns of explain, by lead');
select columns_are('public', 'monitoring_user_lead', array['kpi', 'dimension', 'value', 'unit', 'threshold', 'status'], 'monitoring_user_lead has the columns of page 2');

-- Procedures and functions: name, parameters by name, which may be left out, kind, result.
create temp table calls (name text, kind text, arguments text, result text);
insert into calls values
    ('create_lead_hold', 'p', 'lead_id bigint, user_id bigint, reason text, actor_id bigint DEFAULT, start_at timestamp with time zone DEFAULT, end_at timestamp with time zone DEFAULT', null),
    ('release_lead_hold', 'p', 'lead_id bigint, user_id bigint, actor_id bigint DEFAULT', null),
    ('extend_lead_protection', 'p', 'lead_id bigint, user_id bigint, extension interval, reason text, actor_id bigint DEFAULT', null),
    ('reinstate_lead_protection', 'p', 'lead_id bigint, user_id bigint, reason text, actor_id bigint DEFAULT', null),
    ('activate_lead_protection', 'f', 'lead_id bigint, user_id bigint', 'lead_protection'),
    ('record_qualified_activity', 'f', 'lead_id bigint, user_id bigint, activity_type text DEFAULT, occurred_at timestamp with time zone DEFAULT', 'bigint'),
    ('lead_protection_at', 'f', 'lead_id bigint, at timestamp with time zone', 'SETOF lead_protection'),
    ('user_lead_protection_at', 'f', 'at timestamp with time zone', 'SETOF lead_protection'),
    ('explain_lead_protection', 'f', 'lead_id bigint, at timestamp with time zone DEFAULT', 'SETOF lead_explanation'),
    ('simulate_lead_protection', 'f', 'lead_id bigint, facts jsonb, at timestamp with time zone DEFAULT', 'SETOF lead_protection'),
    ('count_due_leads', 'f', 'OUT reminders bigint, OUT expiries bigint', 'record'),
    ('dispatch_due_reminders', 'f', '"limit" integer DEFAULT, at timestamp with time zone DEFAULT', 'SETOF lead_reminders'),
    ('expire_due_protections', 'f', '"limit" integer DEFAULT, at timestamp with time zone DEFAULT', 'SETOF lead_protection_periods'),
    ('verify_lead_protection', 'f', 'lead_id bigint DEFAULT', 'SETOF protection_difference'),
    ('production_readiness_check', 'f', '', 'SETOF readiness_finding'),
    ('record_catering_breaches', 'f', '"limit" integer DEFAULT, at timestamp with time zone DEFAULT', 'SETOF event_catering_requests'),
    ('record_budget_breaches', 'f', 'at timestamp with time zone DEFAULT', 'SETOF cost_budget_breaches'),
    ('handle_module_event', 'f', 'event jsonb', 'text'),
    ('help_guided_operation', 'f', 'query text, locale text DEFAULT', 'jsonb');
set local search_path = public, tap, pg_catalog;
select results_eq(
    format($$select p.prokind::text, regexp_replace(regexp_replace(pg_get_function_arguments(p.oid), '(^|, )IN ', '\1', 'g'), ' DEFAULT [^,]+', ' DEFAULT', 'g'), pg_get_function_result(p.oid)
               from pg_proc as p where p.pronamespace = 'public'::regnamespace and p.proname = %L$$, c.name),
    format('values (%L::text, %L::text, %L::text)', c.kind, c.arguments, c.result),
    format('%s is callable as page 2 says, and once', c.name)
) from calls as c;
select is((select array_agg(attname::text order by attnum) from pg_attribute where attrelid = 'public.lead_explanation'::regclass and attnum > 0),
    array['step', 'at', 'fact', 'effect', 'clock', 'reminder_due_at', 'protection_expires_at', 'kind', 'user_id', 'counts'], 'explain returns the columns of page 2, and three for programs');

-- Roles.
select results_eq(
    $$select r.role, rolcanlogin or rolsuper or rolcreatedb or rolcreaterole or rolreplication or rolbypassrls
        from unnest(array['module02_writer', 'module03_writer', 'finops_writer', 'lead_operations', 'lead_worker', 'lead_exporter', 'grafana_reader']) with ordinality as r (role, n)
        left join pg_roles on rolname = r.role order by r.n$$,
    $$values ('module02_writer', false), ('module03_writer', false), ('finops_writer', false), ('lead_operations', false), ('lead_worker', false),
    ('lead_exporter', false), ('grafana_reader', false)$$,
    'the seven roles exist, cannot log in and have no attribute'
);

select * from finish();
rollback;
