-- The season as a person reads it: what comes in against what was planned for, and what is still to be done.
create or replace view public.monitoring_season as
with season as (
    select
        s.season,
        -- An ordinary day is now more, now less than one: out of season there is nothing that was planned for.
        case when s.is_peak then s.load_multiplier end as planned_load,
        s.database_utilisation,
        coalesce(s.started_at, now() - interval '24 hours') as ordinary_until
    from public.v_current_season as s
),

-- An ordinary day is one of the four weeks before the season, out of season of the last four, as far as they are
-- known; a single week tells enough, less does not.
leads as (
    select
        count(*) filter (where l.created_at > now() - interval '24 hours') as new,
        count(*) filter (where l.created_at <= s.ordinary_until) as ordinary,
        extract(epoch from s.ordinary_until - min(l.created_at)) / 86400 as known_days
    from season as s
    left join public.leads as l
        on l.created_at > s.ordinary_until - interval '672 hours' and l.created_at <= now()
    group by s.ordinary_until
),

milestones as (
    select
        count(*) filter (where m.urgency = 'OVERDUE') as overdue,
        count(*) filter (where m.urgency = 'DUE_SOON') as due_soon
    from public.v_season_milestones as m
)

select
    k.kpi,
    k.dimension,
    -- Judged as it is, rounded for the eye only.
    case k.kpi
        when 'season_load' then round(k.value, 2)
        when 'database_connections' then round(k.value, 1)
        else k.value
    end as value,
    k.unit,
    trim_scale(k.threshold) as threshold,
    public.kpi_status(k.value, k.comparison, k.threshold, k.tolerated) as status
from season as s
cross join leads as l
cross join milestones as m
cross join (
    select max(c.value) as used from public.metric_leadguard_database_connections as c
) as c
cross join public.metric_leadguard_database_connections_limit as x
left join public.v_kpi_thresholds as t on t.kpi = 'milestones_overdue'
cross join lateral (
    values
    (
        1, 'season_load', s.season,
        case when l.known_days >= 7 then l.new * l.known_days / nullif(l.ordinary, 0) end,
        'times an ordinary day', '<=', s.planned_load, null::numeric
    ),
    (2, 'new_leads_24h', null, l.new, 'leads', null, null, null),
    (
        3, 'database_connections', null, (100 * c.used / x.value)::numeric, 'percent', '<=',
        100 * s.database_utilisation, null
    ),
    (4, 'milestones_overdue', null, m.overdue, 'tasks', t.comparison, t.threshold, t.tolerated),
    (5, 'milestones_due_soon', null, m.due_soon, 'tasks', null, null, null)
) as k (n, kpi, dimension, value, unit, comparison, threshold, tolerated)
order by k.n;
comment on view public.monitoring_season is
    'The season now: new leads of a day against an ordinary day, and what it was planned for; connections against its target; its tasks overdue and due soon.';
grant select on public.monitoring_season to lead_operations, grafana_reader;
