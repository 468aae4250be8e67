-- What matters in a peak, on one screen: the terminal and Grafana show these rows. Each is that of its monitoring
-- view, target and status included; here is chosen only. But of the leads it shows the last count, as Prometheus has
-- it (a minute old, see snapshot_age): a screen that asks every few seconds must not go through all of them each time.
create or replace view public.monitoring_war_room as
with counted as (
    select 'leads_by_state' as kpi, m.state as dimension, m.value::numeric as value, 'leads' as unit
    from public.metric_lead_protection_state as m
    union all
    select 'holds_active', null, m.value::numeric, 'holds' from public.metric_lead_holds_active as m
    union all
    select 'reminders_pending', null, m.value::numeric, 'reminders' from public.metric_lead_reminders_pending as m
    union all
    select 'reminder_oldest_unsent', null, m.value::numeric, 'seconds'
    from public.metric_lead_reminder_oldest_due_seconds as m
),

figures as (
    select m.kpi, m.dimension, m.value, m.unit, m.threshold, m.status from public.monitoring_season as m
    union all
    select
        c.kpi, c.dimension, c.value, c.unit, t.threshold,
        public.kpi_status(c.value, t.comparison, t.threshold, t.tolerated)
    from counted as c
    left join public.v_kpi_thresholds as t on c.kpi = t.kpi
    union all
    select m.kpi, m.dimension, m.value, m.unit, m.threshold, m.status from public.monitoring_outbox as m
    union all
    select m.kpi, m.dimension, m.value, m.unit, m.threshold, m.status from public.monitoring_jobs as m
    union all
    select m.kpi, m.dimension, m.value, m.unit, m.threshold, m.status from public.monitoring_samples as m
    union all
    select m.kpi, m.dimension, m.value, m.unit, m.threshold, m.status from public.monitoring_event_catering as m
    union all
    select m.kpi, m.dimension, m.value, m.unit, m.threshold, m.status from public.monitoring_cost_per_lead as m
)

select
    c.area,
    f.kpi,
    f.dimension,
    f.value,
    f.unit,
    f.threshold,
    f.status
from (
    values
    (10, 'season', 'season_load', null),
    (11, 'season', 'new_leads_24h', null),
    (12, 'season', 'database_connections', null),
    (13, 'season', 'milestones_overdue', null),
    (20, 'protection', 'leads_by_state', null),
    (21, 'protection', 'holds_active', null),
    (22, 'protection', 'reminders_pending', null),
    (23, 'protection', 'reminder_oldest_unsent', null),
    (30, 'events', 'outbox_lag', null),
    (31, 'events', 'outbox_pending', null),
    (32, 'events', 'outbox_retrying', null),
    (33, 'events', 'outbox_dead_letters', null),
    (40, 'customers', 'sample_success', '24h'),
    (41, 'customers', 'samples_lost', '24h'),
    (42, 'customers', 'catering_breaches', '24h'),
    (43, 'customers', 'catering_response', 'longest waiting'),
    (44, 'customers', 'cost_per_lead', 'all 24h'),
    (50, 'workers', 'snapshot_age', null),
    (51, 'workers', 'job_last_success', null)
) as c (n, area, kpi, dimension)
inner join figures as f on c.kpi = f.kpi and coalesce(c.dimension, f.dimension) is not distinct from f.dimension
where c.kpi <> 'job_last_success' or f.status is not null
order by
    c.n,
    case f.dimension
        when 'PROTECTED' then 1 when 'REMINDER_DUE' then 2 when 'GRACE' then 3 when 'EXPIRED' then 4
        when 'CONVERTED' then 5
    end,
    f.dimension;
comment on view public.monitoring_war_room is
    'What matters in a peak, a row each: area (season, protection, events, customers, workers), and kpi, dimension, value, unit, threshold, status as the monitoring views have them, of the leads as last counted; of the workers those that are expected.';
grant select on public.monitoring_war_room to lead_operations, grafana_reader;
