-- The lead figures a person reads in psql, counted now over the narrow table; what is due and
-- not queued comes from the figures.
create or replace view public.monitoring_user_lead as
with counted as (
    select
        count(*) filter (where v.state = 'PROTECTED') as protected,
        count(*) filter (where v.state = 'REMINDER_DUE') as reminder_due,
        count(*) filter (where v.state = 'GRACE') as grace,
        count(*) filter (where v.state = 'EXPIRED') as expired,
        count(*) filter (where v.state = 'CONVERTED') as converted,
        count(*) filter (where v.clock_stopped_since is not null) as on_hold,
        count(*) filter (
            where v.state in ('PROTECTED', 'REMINDER_DUE', 'GRACE')
            and v.protection_expires_at < now() + interval '168 hours'
        ) as ending_soon
    from public.v_user_lead_protection as v
),

reminders as (
    select
        count(*) as pending,
        max(extract(epoch from now() - greatest(r.due_at, r.known_at))) as oldest
    from public.lead_reminders as r
    where r.sent_at is null
),

ended as (
    select
        count(*) filter (where p.end_reason = 'INACTIVITY') as inactivity,
        count(*) filter (where p.end_reason = 'BASE_TERM') as base_term
    from public.lead_protection_periods as p
    where p.recorded_at > now() - interval '24 hours'
),

-- What nobody has queued yet, as of the last count of the figures.
snapshot as (
    select
        max(g.value) filter (where g.figure = 'lead_reminders_pending') as pending,
        extract(epoch from now()) - max(g.value) filter (where g.figure = 'lead_reminder_oldest_since') as oldest
    from internal.figure_gauges as g
    where g.figure in ('lead_reminders_pending', 'lead_reminder_oldest_since')
)

select
    k.kpi,
    k.dimension,
    -- Judged as it is, rounded for the eye only, and not up: one of thousands that was late leaves it below 100.
    case when k.kpi = 'reminders_in_time_24h' then trunc(k.value, 1) else k.value end as value,
    k.unit,
    t.threshold,
    public.kpi_status(k.value, t.comparison, t.threshold, t.tolerated) as status
from counted as c
cross join reminders as r
cross join internal.reminders_between(now() - interval '24 hours', now()) as b
cross join internal.count_holds(now()) as h
cross join ended as e
cross join snapshot as s
cross join lateral (
    values
    (1, 'leads_by_state', 'PROTECTED', c.protected::numeric, 'leads'),
    (2, 'leads_by_state', 'REMINDER_DUE', c.reminder_due, 'leads'),
    (3, 'leads_by_state', 'GRACE', c.grace, 'leads'),
    (4, 'leads_by_state', 'EXPIRED', c.expired, 'leads'),
    (5, 'leads_by_state', 'CONVERTED', c.converted, 'leads'),
    (6, 'leads_on_hold', null, c.on_hold, 'leads'),
    (7, 'holds_overrun', null, h.overrun, 'holds'),
    (8, 'ending_within_7_days', null, c.ending_soon, 'leads'),
    (9, 'reminders_queued', null, r.pending, 'reminders'),
    (10, 'reminders_pending', null, greatest(r.pending, s.pending::numeric), 'reminders'),
    (11, 'reminder_oldest_unsent', null, greatest(r.oldest, s.oldest::numeric, 0), 'seconds'),
    (12, 'reminders_sent_24h', null, b.sent, 'reminders'),
    (13, 'reminders_in_time_24h', null, 100.0 * b.in_time / nullif(b.sent, 0), 'percent'),
    (14, 'expired_24h', 'INACTIVITY', e.inactivity, 'leads'),
    (15, 'expired_24h', 'BASE_TERM', e.base_term, 'leads')
) as k (n, kpi, dimension, value, unit)
left join public.v_kpi_thresholds as t on k.kpi = t.kpi
order by k.n;
comment on view public.monitoring_user_lead is
    'Lead KPIs, a row each: kpi, dimension (the split or null), value, unit, threshold, status OK, WARN or BREACH.';
grant select on public.monitoring_user_lead to lead_operations, grafana_reader;
