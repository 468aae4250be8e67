-- The outbox as a person reads it in psql, as of now. What waits for another attempt, or behind one that does, is
-- counted by itself: it is no sign of a publisher that lags, which is what the metric says.
create or replace view public.monitoring_outbox as
with pending as (
    select
        count(*) as events,
        count(*) filter (where o.last_error is not null) as retrying,
        count(*) filter (where o.last_error is null and o.next_attempt_at > now()) as held_back
    from public.outbox as o
),

published as (
    select count(*) as events
    from public.outbox_archive as a
    where a.published_at > now() - interval '24 hours'
)

select
    k.kpi,
    k.dimension,
    -- Judged as it is, rounded for the eye only.
    case when k.kpi = 'outbox_lag' then round(k.value, 3) else k.value end as value,
    k.unit,
    t.threshold,
    public.kpi_status(k.value, t.comparison, t.threshold, t.tolerated) as status
from pending as p
cross join published as b
cross join public.metric_outbox_lag_seconds as l
cross join lateral (
    values
    (1, 'outbox_lag', null::text, l.value::numeric, 'seconds'),
    (2, 'outbox_pending', null, p.events, 'events'),
    (3, 'outbox_retrying', null, p.retrying, 'events'),
    (4, 'outbox_held_back', null, p.held_back, 'events'),
    (5, 'outbox_dead_letters', null, (select count(*) from public.outbox_dead_letters), 'events'),
    (6, 'outbox_published_24h', null, b.events, 'events')
) as k (n, kpi, dimension, value, unit)
left join public.v_kpi_thresholds as t on k.kpi = t.kpi
order by k.n;
comment on view public.monitoring_outbox is
    'Outbox KPIs, a row each: kpi, dimension (null), value, unit, threshold, status OK or BREACH (null without a threshold).';
grant select on public.monitoring_outbox to lead_operations, grafana_reader;
