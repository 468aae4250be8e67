-- The lead KPIs that a person reads in psql.
begin;
select plan(21);
set local time zone 'Europe/Berlin';

create function pg_temp.kpi(p_kpi text, p_dimension text default null) returns numeric language sql as
$$ select value from public.monitoring_user_lead where kpi = p_kpi and dimension is not distinct from p_dimension $$;
create function pg_temp.status(p_kpi text) returns text language sql as
$$ select status from public.monitoring_user_lead where kpi = p_kpi and dimension is null $$;

select is_empty($$select * from monitoring_user_lead where value is null and kpi <> 'reminders_in_time_24h' or status not in ('OK', 'WARN', 'BREACH')$$, 'an empty system has figures too');
insert into leads (id, user_id, created_at) values
    (1, 7, now() - interval '1 day'), (2, 7, now() - interval '2 days'), (3, 7, now() - interval '65 days'), (4, 7, now() - interval '65 days'),
    (5, 7, now() - interval '7 months'), (6, 7, now() - interval '1 day'), (7, 7, now() - interval '6 months' + interval '3 days'), (8, 7, now() - interval '9 months');
insert into lead_activities (lead_id, user_id, activity_type) values (7, 7, 'QUALIFIED_CALL');
update leads set converted_at = now() where id = 6;
insert into lead_holds (lead_id, user_id, reason, start_at, end_at) values (2, 7, 'x', now() - interval '1 day', null), (8, 7, 'x', now() - interval '8 months', null);
insert into lead_reminders (lead_id, user_id, window_start, due_at, sent_at)
select v.id, 7, timezone('Europe/Berlin', v.reminder_due_at)::date, v.reminder_due_at, now() - interval '2 hours' from v_user_lead_protection as v where v.id = 4;
select results_eq(
    $$select dimension, value from monitoring_user_lead where kpi = 'leads_by_state' order by dimension$$,
    $$select s, (select count(*)::numeric from v_user_lead_protection where state = s) from unnest(array['CONVERTED', 'EXPIRED', 'GRACE', 'PROTECTED', 'REMINDER_DUE']) as s$$,
    'leads by state are the view''s'
);
select is(pg_temp.kpi('leads_by_state', 'GRACE'), 1::numeric, 'one is in grace');
select is(pg_temp.kpi('leads_on_hold'), 2::numeric, 'two are on hold');
select is(pg_temp.kpi('holds_overrun'), 1::numeric, 'one hold is longer than max_hold');
select is(pg_temp.status('holds_overrun'), 'BREACH', 'which is a breach');
update lead_holds set end_at = now() + interval '1 day' where lead_id = 8;
select is(pg_temp.kpi('holds_overrun'), 1::numeric, 'one that has a planned end is as long');
select is((select value from internal.count_gauges(now()) where figure = 'lead_holds_overrun'), 1::double precision, 'the exporter says the same');
select is(pg_temp.kpi('ending_within_7_days'), 1::numeric, 'one ends within a week');
select is(pg_temp.kpi('reminders_sent_24h'), 1::numeric, 'one reminder was sent');
select is((select count(*)::integer from dispatch_due_reminders(10) where reminder_type = 'INACTIVITY'), 1, 'one is queued');
select ok(pg_temp.kpi('reminders_queued') >= 1, 'and shows');
select is((select count(*)::integer from expire_due_protections(10)), 1, 'one expiry is recorded');
select is(pg_temp.kpi('expired_24h', 'BASE_TERM'), 1::numeric, 'and counted by its reason');
select is(pg_temp.kpi('expired_24h', 'INACTIVITY'), 0::numeric, 'and not by the other');
-- A reminder that was never sent is not forgotten: a sent one does not hide it.
update lead_reminders set known_at = now() - interval '2 hours', due_at = now() - interval '2 hours' where lead_id = 3;
select is(pg_temp.kpi('reminder_oldest_unsent'), 7200::numeric, 'the oldest unsent reminder waits for two hours');
select is(pg_temp.status('reminder_oldest_unsent'), 'BREACH', 'which is a breach of the hour');
update lead_reminders set known_at = now() - interval '10 minutes' where lead_id = 3;
select is(pg_temp.kpi('reminder_oldest_unsent'), 600::numeric, 'the hour runs from when the facts were entered');
update lead_reminders set sent_at = now(), known_at = now() - interval '30 minutes' where lead_id = 3;
update lead_reminders set known_at = now() - interval '5 hours' where lead_id = 4;
select is(pg_temp.kpi('reminders_in_time_24h'), 50.0, 'of two sent reminders one was in time');
select columns_are('public', 'monitoring_user_lead', array['kpi', 'dimension', 'value', 'unit', 'threshold', 'status'], 'a row is kpi, dimension, value, unit, threshold, status');
select col_type_is('public', 'monitoring_user_lead', 'value', 'numeric', 'values are numeric');

select * from finish();
rollback;
