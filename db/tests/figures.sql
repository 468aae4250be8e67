-- The figures: counted at one moment, counters that never fall, labels that stay few.
begin;
select plan(48);
delete from internal.figure_deltas;

create function pg_temp.metric(p_name text, p_labels text default '') returns numeric language plpgsql as $$
declare v numeric;
begin
    execute format('select sum(value) from public.metric_%s %s', p_name, p_labels) into v;
    return v;
end $$;

-- No data yet.
select results_eq('select count(*)::integer, sum(value)::integer from metric_lead_protection_state', 'values (5, 0)', 'migrate has counted a new database: zeros, not nothing');
update internal.figure_snapshot set taken_at = null;
select is((select value from metric_leadguard_snapshot_age_seconds), 'Infinity', 'figures that were never counted are as old as can be');
select lives_ok('select * from refresh_figures()', 'they can be counted in an empty database');
select results_eq('select state, value from metric_lead_protection_state order by state',
    $$values ('CONVERTED', 0::double precision), ('EXPIRED', 0), ('GRACE', 0), ('PROTECTED', 0), ('REMINDER_DUE', 0)$$, 'every state is there, as 0');
select is(pg_temp.metric('lead_reminder_due_total'), 0::numeric, 'so are counters whose labels are known');
select is((select value from metric_lead_reminder_oldest_due_seconds), 0::double precision, 'no reminder waits');
select is((select value from metric_finops_cost_per_lead where team = 'all' and time_window = '24h'), 0::double precision, 'no cost and no lead make 0, and no division by it');
select results_eq('select distinct team, value from metric_finops_cost_per_lead_budget', $$values ('all', 25::double precision)$$, 'beside what it may cost');
select is_empty('select * from verify_figures()', 'the self-check finds nothing');
select throws_ok($$select * from refresh_figures(now() + interval '1 second')$$, 'LP007', null, 'nobody counts the future');

-- States, at one moment.
insert into leads (id, user_id, created_at) values
    (1, 7, now() - interval '1 day'), (2, 7, now() - interval '61 days'), (3, 7, now() - interval '65 days'), (4, 7, now() - interval '7 months'),
    (5, 7, now() - interval '100 days'), (6, 7, now() - interval '70 days'), (7, 7, now() - interval '2 days'), (8, 7, now() - interval '62 days');
insert into lead_reminders (lead_id, user_id, window_start, due_at, sent_at, known_at)
select 3, 7, (timezone('Europe/Berlin', c.reminder_due_at))::date, c.reminder_due_at, now() - interval '1 hour', c.reminder_due_at from internal.lead_clocks as c where c.lead_id = 3;
insert into lead_holds (lead_id, user_id, reason, start_at) values (5, 7, 'recipe', now() - interval '90 days'), (6, 7, 'x', now() - interval '1 day');
insert into lead_holds (lead_id, user_id, reason, start_at, end_at) values (7, 7, 'planned', now() - interval '1 hour', now() + interval '1 day'),
    (7, 7, 'over', now() - interval '3 hours', now() - interval '2 hours');
update leads set converted_at = now() where id = 8;
select lives_ok('select * from refresh_figures()', 'a refresh');
select results_eq('select state, value::integer from metric_lead_protection_state order by state', 'select s.state, (select count(*)::integer from v_user_lead_protection as v where v.state = s.state)
    from (values (''CONVERTED''), (''EXPIRED''), (''GRACE''), (''PROTECTED''), (''REMINDER_DUE'')) as s (state)', 'the states are those of the view');
select is(pg_temp.metric('lead_protection_state', 'where state in (''GRACE'', ''CONVERTED'', ''EXPIRED'')'), 3::numeric, 'each of them occurs');
select is(pg_temp.metric('lead_holds_active'), 3::numeric, 'three holds stop a clock');
select is(pg_temp.metric('lead_holds_overrun'), 0::numeric, 'none for too long');
select is(pg_temp.metric('lead_conversion_success_total'), 1::numeric, 'a lead was converted');
select is_empty('select * from verify_figures()', 'snapshot and recount agree');

-- The dispatcher does not run: what is due shows all the same.
select is(pg_temp.metric('lead_reminders_pending'), (select count(*)::numeric from internal.lead_clocks as c cross join lateral internal.due_reminders(c, now()) as d where c.lead_id <> 3),
    'a reminder that nobody has queued is pending');
update internal.lead_clocks set facts_entered_at = now() - interval '2 hours' where lead_id = 2;
select is((select count(*)::integer from refresh_figures()), 1, 'a refresh');
select cmp_ok((select value from metric_lead_reminder_oldest_due_seconds), '>=', 7200::double precision, 'and its age breaks the SLA');

-- Counters, and what is deleted.
select is(pg_temp.metric('lead_reminder_sent_total'), 1::numeric, 'a reminder was sent');
select is((select counts[cardinality(counts)] from metric_lead_reminder_delay_seconds where reminder_type = 'INACTIVITY'), 0::bigint, 'after more than a day');
select is((select count from metric_lead_reminder_delay_seconds where reminder_type = 'INACTIVITY'), 1::bigint, 'which is above all bounds');
insert into lead_activities (lead_id, user_id, activity_type) values (1, 7, 'QUALIFIED_CALL');
insert into lead_activities (lead_id, user_id, activity_type) values (1, 7, 'QUALIFIED_CALL'), (1, 7, 'EMAIL_SENT'), (3, 7, 'CUSTOMER_REACTION');
insert into lead_activities (lead_id, user_id, activity_type, occurred_at) values (1, 7, 'QUALIFIED_CALL', now() - interval '2 hours');
select is((select count(*)::integer from refresh_figures()), 1, 'a refresh');
select is(pg_temp.metric('lead_qualified_activity_total'), 4::numeric, 'activities of a qualified type are counted, alone, together and late');
select is(pg_temp.metric('lead_protection_reactivated_total'), 1::numeric, 'one of them ended a grace');
delete from lead_activities where lead_id = 1 and activity_type = 'QUALIFIED_CALL';
delete from leads where id in (1, 3, 8);
select is((select count(*)::integer from refresh_figures()), 1, 'a refresh');
select results_eq($$select pg_temp.metric('lead_qualified_activity_total'), pg_temp.metric('lead_reminder_sent_total'), pg_temp.metric('lead_conversion_success_total')$$,
    'values (4::numeric, 1::numeric, 1::numeric)', 'facts and leads that are deleted stay counted');
select count(*) from expire_due_protections(10);
insert into job_runs (job, started_at, finished_at, outcome) values ('expire', now() - interval '200 days', now() - interval '200 days' + interval '2 seconds', 'SUCCESS'),
    ('expire', now() - interval '1 minute', now(), 'SUCCESS');
select is((select count(*)::integer from refresh_figures()), 1, 'a refresh');
select is(pg_temp.metric('lead_protection_expired_total', 'where reason = ''base_term'''), 1::numeric, 'an expiry is counted when it is recorded');
select purge_job_runs(100);
delete from outbox;
select is((select count(*)::integer from refresh_figures(now() - interval '1 hour')), 1, 'a refresh, the clock having gone back');
select is(pg_temp.metric('job_runs_total', 'where job = ''expire'''), 2::numeric, 'a purged run stays counted');
select is((select count from metric_job_duration_seconds where job = 'expire'), 2::bigint, 'with how long it took');

-- Labels.
update settings set value = '3' where name = 'figure_series_limit';
insert into sample_requests (user_id, product_type, urgency) select 7, t.product, 'HIGH' from (values ('Käse', 3), ('Brot', 2), ('Salz', 1),
    ('Senf', 1)) as t (product, n) cross join generate_series(1, t.n);
select is((select count(*)::integer from refresh_figures()), 1, 'a refresh');
select results_eq('select product_type, urgency, value::integer from metric_sample_request_total order by product_type',
    $$values ('Brot', 'HIGH', 2), ('Käse', 'HIGH', 3), ('Salz', 'HIGH', 1), ('other', 'other', 1)$$, 'the largest have series of their own, the others one together');
insert into sample_requests (user_id, product_type, urgency) select 7, 'Senf', 'HIGH' from generate_series(1, 100);
update sample_requests set product_type = 'Salz' where product_type = 'Käse';
update sample_requests set status = 'LOST', resolved_at = now() where product_type = 'Brot';
insert into sample_requests (user_id, product_type, urgency) values (7, repeat('x', 200), E'a"b\\c\nd');
select is((select count(*)::integer from refresh_figures()), 1, 'a refresh');
select results_eq('select product_type, urgency, value::integer from metric_sample_request_total order by product_type',
    $$values ('Brot', 'HIGH', 2), ('Käse', 'HIGH', 3), ('Salz', 'HIGH', 1), ('other', 'other', 102)$$, 'who has a series keeps it, and a correction moves no count');
select results_eq('select product_type, value::integer from metric_sample_request_lost_total order by product_type',
    $$values ('Brot', 2), ('Käse', 0), ('Salz', 0), ('other', 0)$$, 'what is lost is counted under the same label; of what is not lost there are none, and not nothing');
delete from sample_requests;
select is((select count(*)::integer from refresh_figures()), 1, 'a refresh');
select is(pg_temp.metric('sample_request_lost_total') + pg_temp.metric('sample_request_total'), 110::numeric, 'deleted samples stay counted');
update settings set value = '200' where name = 'figure_series_limit';
insert into event_catering_requests (user_id, event_type, capacity_tier, requested_at, responded_at) values (7, 'wedding', 'LARGE', now() - interval '2 hours', now() - interval '90 minutes');
select is((select count(*)::integer from refresh_figures()), 1, 'a refresh');
select results_eq('select bounds, counts, count, sum from metric_event_catering_sla_seconds', $$values ('{300,600,1200,1800,3600,7200}'::double precision[], '{0,0,0,1,1,1}'::bigint[],
    1::bigint, 1800::double precision)$$,
    'answers fall into the buckets of the business');
-- By user, for who asks for it: the one with the most leads, and all others together.
select is_empty('select * from metric_lead_protection_state_by_user', 'users are not told apart');
insert into leads (user_id) select 8 from generate_series(1, 20);
insert into leads (user_id) values (9), (10);
update settings set value = '1' where name = 'user_series_limit';
create temporary table counted on commit drop as select * from refresh_figures();
select results_eq('select user_id, state, value::integer from metric_lead_protection_state_by_user order by user_id, state',
    $$select case user_id when 8 then '8' else 'other' end as label, state, count(*)::integer from v_user_lead_protection group by 1, 2 order by 1, 2$$,
    'until a setting says how many: those with the most leads, and the others together');
update settings set value = '0' where name = 'user_series_limit';
select is((select count(*)::integer from refresh_figures()), 1, 'a refresh');
select is_empty('select * from metric_lead_protection_state_by_user', 'switched off, the series are gone');
select is_empty('select * from verify_figures()', 'and in the end the self-check finds nothing');
update internal.figure_histograms set counts = counts[2:] where figure = 'lead_reminder_delay_seconds' and label_1 = 'INACTIVITY';
update internal.figure_histograms set counts[8] = count + 1 where figure = 'lead_reminder_delay_seconds' and label_1 = 'TERM';
select results_eq($$select figure, label from verify_figures() order by 2$$, $$values ('lead_reminder_delay_seconds', 'INACTIVITY'), ('lead_reminder_delay_seconds', 'TERM')$$,
    'but a histogram that lacks a bound, and one with more below its last bound than at all');
select * from finish();
rollback;
