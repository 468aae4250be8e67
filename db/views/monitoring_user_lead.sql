-- The lead figures a person reads in psql, counted now over the narrow table.
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
            and v.protection_expires_at < now() + interval '7 days'
        ) as ending_soon
    from public.v_user_lead_protection as v
),

reminders as (
    select
        count(*) filter (where r.sent_at is null) as pending,
        count(*) filter (where r.sent_at > now() - interval '1 day') as sent,
        count(*) filter (
            where r.sent_at > now() - interval '1 day'
            and r.sent_at <= greatest(r.due_at, r.known_at) + interval '1 hour'
        ) as sent_in_time,
        max(extract(epoch from now() - greatest(r.due_at, r.known_at))) filter (where r.sent_at is null) as oldest
    from public.lead_reminders as r
    where r.sent_at is null or r.sent_at > now() - interval '1 day'
),

overrun as (
    select count(*) as holds
    from public.lead_holds as h
    inner join internal.lead_clocks as c on h.lead_id = c.lead_id
    inner join public.protection_policies as p on c.policy = p.policy and c.policy_version = p.version
    where h.end_at is null and h.start_at + p.max_hold < now()
),

ended as (
    select
        count(*) filter (where p.end_reason = 'INACTIVITY') as inactivity,
        count(*) filter (where p.end_reason = 'BASE_TERM') as base_term
    from public.lead_protection_periods as p
    where p.recorded_at > now() - interval '1 day'
)

select
    k.kpi,
    k.dimension,
    k.value::numeric as value,
    k.unit,
    k.threshold::numeric as threshold,
    case
        when k.threshold is null or k.value is null then null
        when k.is_floor and k.value >= k.threshold or not k.is_floor and k.value <= k.threshold then 'OK'
        when k.is_floor and k.value >= k.threshold * 0.95 then 'WARN'
        else 'BREACH'
    end as status
from counted as c
cross join reminders as r
cross join overrun as o
cross join ended as e
cross join lateral (
    values
    ('leads_by_state', 'PROTECTED', c.protected::numeric, 'leads', null::numeric, false),
    ('leads_by_state', 'REMINDER_DUE', c.reminder_due, 'leads', null, false),
    ('leads_by_state', 'GRACE', c.grace, 'leads', null, false),
    ('leads_by_state', 'EXPIRED', c.expired, 'leads', null, false),
    ('leads_by_state', 'CONVERTED', c.converted, 'leads', null, false),
    ('leads_on_hold', null, c.on_hold, 'leads', null, false),
    ('holds_overrun', null, o.holds, 'holds', 0, false),
    ('ending_within_7_days', null, c.ending_soon, 'leads', null, false),
    ('reminders_queued', null, r.pending, 'reminders', null, false),
    ('reminder_oldest_unsent', null, coalesce(r.oldest, 0), 'seconds', 3600, false),
    ('reminders_sent_24h', null, r.sent, 'reminders', null, false),
    ('reminders_in_time_24h', null, round(100.0 * r.sent_in_time / nullif(r.sent, 0), 1), 'percent', 100, true),
    ('expired_24h', 'INACTIVITY', e.inactivity, 'leads', null, false),
    ('expired_24h', 'BASE_TERM', e.base_term, 'leads', null, false)
) as k (kpi, dimension, value, unit, threshold, is_floor);
comment on view public.monitoring_user_lead is
    'Lead KPIs, a row each: kpi, dimension (the split or null), value, unit, threshold, status OK, WARN or BREACH.';
grant select on public.monitoring_user_lead to lead_operations, grafana_reader;
