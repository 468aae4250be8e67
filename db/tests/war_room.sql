-- What matters in a peak: new leads against what the season was planned for, and one screen of the monitoring views.
begin;
select plan(18);
set local time zone 'America/New_York';
set local client_min_messages = warning;
create function pg_temp.stands(p_kpi text) returns text language sql as $$
    select concat_ws(' ', coalesce(trim_scale(m.value)::text, 'unknown'), 'of', m.threshold, m.status) from public.monitoring_season as m where m.kpi = p_kpi
$$;
select columns_are('public', 'monitoring_season', array['kpi', 'dimension', 'value', 'unit', 'threshold', 'status'], 'monitoring_season has the columns of its siblings');

-- Out of season.
delete from seasons;
select is(pg_temp.stands('season_load'), 'unknown of', 'without leads nobody knows an ordinary day');
insert into leads (user_id, created_at) values (7, now() - interval '191 hours'), (7, now());
select is(pg_temp.stands('season_load'), 'unknown of', 'less than a week tells nothing');
insert into leads (user_id, created_at) select 7, now() - interval '264 hours' from generate_series(1, 9);
select is(pg_temp.stands('season_load'), '1 of', 'ten leads in ten days, and one today: an ordinary day');
insert into leads (user_id) values (7);
select is(pg_temp.stands('season_load'), '2 of', 'nor is one with more a breach of anything');
select is(pg_temp.stands('database_connections') like '% of 70 OK', true, 'connections have the target of the season that is not');

-- In a season its ordinary days are those before it.
insert into seasons values ('All year', 1, 12, 3, 0.5, 0.5, 0.4);
delete from leads;
insert into leads (user_id, created_at) select 7, s.started_at - interval '240 hours' from v_current_season as s cross join generate_series(1, 5);
insert into leads (user_id, created_at) select 7, s.started_at - interval '48 hours' from v_current_season as s cross join generate_series(1, 15);
insert into leads (user_id, created_at) select 7, now() from generate_series(1, 6);
select is(pg_temp.stands('season_load'), '3 of 3 OK', 'two a day before it, six today: three times an ordinary day');
insert into leads (user_id) values (7);
select is(pg_temp.stands('season_load'), '3.5 of 3 BREACH', 'one more is more than was planned for');
select is(pg_temp.stands('new_leads_24h'), '7 of', 'they are seven');
select is(pg_temp.stands('database_connections') like '% of 40 %', true, 'and connections have the target of the season');

-- Its tasks.
select is(pg_temp.stands('milestones_overdue') || ', ' || pg_temp.stands('milestones_due_soon'), '0 of 0 OK, 0 of', 'what is not planned is not overdue');
insert into season_milestones (season, starts_on, milestone, task, due_on, owner)
select 'All year', '2026-01-01', 'T-' || n, 'x', timezone('Europe/Berlin', now())::date - n, 'x' from generate_series(-2, 1) as n;
select is(pg_temp.stands('milestones_overdue') || ', ' || pg_temp.stands('milestones_due_soon'), '1 of 0 BREACH, 3 of', 'what was due yesterday is');
set local role lead_exporter;
select is((select value from metric_season_milestones_overdue), 1::double precision, 'which Prometheus is told, too');
reset role;

-- The screen. Of the leads it has the last count.
insert into leads (user_id, created_at) values (7, now() - interval '61 days');
insert into lead_holds (lead_id, user_id, reason) select max(id), 7, 'price list' from leads;
select count(*) from refresh_figures();
select set_eq('select distinct area from monitoring_war_room', array['season', 'protection', 'events', 'customers', 'workers'], 'the war room has all areas');
select is_empty(
    $$select w.kpi, w.dimension, w.value, w.unit, w.threshold, w.status from monitoring_war_room as w where w.kpi <> 'holds_active' except all
      (select * from monitoring_season union all select * from monitoring_user_lead union all select * from monitoring_outbox union all select * from monitoring_jobs
       union all select * from monitoring_samples union all select * from monitoring_event_catering union all select * from monitoring_cost_per_lead)$$,
    'each of its figures is that of its monitoring view, with its target and status'
);
insert into leads (user_id) values (7);
select is(
    (select sum(u.value) - sum(w.value) from monitoring_user_lead as u join monitoring_war_room as w using (kpi, dimension) where kpi = 'leads_by_state'), 1::numeric,
    'one that came after the count is not among the leads yet'
);
select is((select value from monitoring_war_room where kpi = 'holds_active'), 1::numeric, 'a hold is');
select is((select count(*)::integer from monitoring_war_room where kpi = 'job_last_success'), (select count(*)::integer from v_expected_jobs), 'of the workers those that are expected');
select * from finish();
rollback;
