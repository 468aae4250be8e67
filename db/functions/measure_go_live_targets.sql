-- The figures that go-live holds to a target, over the last seven days: a day may be too quiet to say anything, and a
-- month holds what has long been put right. Targets and readings are those of the monitoring views.
create or replace function internal.measure_go_live_targets() returns setof internal.go_live_measurement
language sql
stable
rows 4
set search_path = pg_catalog, pg_temp
as $$
    with kpis as materialized (
        -- The plan knows no season: what is to go live in one is held to the target of the year.
        select k.kpi, k.comparison, t.threshold, t.tolerated, k.unit,
               format('%s %s %s', k.comparison, internal.figure(t.threshold), k.unit) as target
          from public.v_kpi_thresholds as k
          join public.kpi_thresholds as y on y.kpi = k.kpi
         cross join lateral (
               select case when k.kpi = 'sample_success' then y.threshold else k.threshold end as threshold,
                      case when k.kpi = 'sample_success' then y.tolerated else k.tolerated end as tolerated
               ) as t
    ),

    week as (
        select now() - interval '168 hours' as started_at, now() as ended_at
    )

    select 'reminder_sla', k.target, round(greatest(r.slowest_seconds, o.value)), k.unit,
           r.sent > 0 or o.status <> 'OK',
           public.kpi_status(greatest(r.slowest_seconds, o.value), k.comparison, k.threshold, k.tolerated) = 'OK',
           format(
               '%s sent in 7 days, %s of them in time, the slowest after %s s; the oldest unsent waits for %s s',
               r.sent, r.in_time, coalesce(internal.figure(round(r.slowest_seconds)), '-'),
               internal.figure(round(o.value))
           )
      from week as w
     cross join lateral internal.reminders_between(w.started_at, w.ended_at) as r
     cross join (
           select m.value, m.status from public.monitoring_user_lead as m where m.kpi = 'reminder_oldest_unsent'
           ) as o
      join kpis as k on k.kpi = 'reminder_oldest_unsent'
     union all
    select 'sample_success', k.target, round(s.success_percent, 2), k.unit, s.success_percent is not null,
           public.kpi_status(s.success_percent, k.comparison, k.threshold, k.tolerated) = 'OK',
           format('%s delivered, %s lost, %s failed in 7 days', s.delivered, s.lost, s.failed)
      from week as w
     cross join lateral internal.samples_between(w.started_at, w.ended_at) as s
      join kpis as k on k.kpi = 'sample_success'
     union all
    select 'catering_response', k.target, c.slowest_seconds, k.unit,
           c.slowest_seconds is not null or b.status <> 'OK',
           coalesce(
               public.kpi_status(c.slowest_seconds, k.comparison, k.threshold, k.tolerated) = 'OK', false
           ) and b.status = 'OK',
           format(
               '%s answered in 7 days, the slowest after %s s; %s late or not at all',
               c.answered, coalesce(c.slowest_seconds::text, '-'), c.breaches
           )
      from week as w
     cross join lateral internal.catering_between(w.started_at, w.ended_at) as c
      join kpis as k on k.kpi = 'catering_response'
      left join kpis as x on x.kpi = 'catering_breaches'
     cross join lateral (
           select public.kpi_status(c.breaches, x.comparison, x.threshold, x.tolerated) as status
           ) as b
     union all
    -- What has cost nothing has not been entered.
    select 'cost_per_lead', k.target, round(c.cost_per_lead_eur, 2), k.unit, c.cost_eur > 0,
           public.kpi_status(c.cost_per_lead_eur, k.comparison, k.threshold, k.tolerated) = 'OK',
           format('%s EUR in 7 days, new leads: %s', round(c.cost_eur, 2), c.new_leads)
      from public.cost_per_lead(now()) as c
      join kpis as k on k.kpi = 'cost_per_lead'
     where c.team is null and c.time_window = '7d'
$$;
comment on function internal.measure_go_live_targets() is
    'The criteria of go-live that have a target, as of now(): reminder_sla, sample_success, catering_response, cost_per_lead.';
revoke all on function internal.measure_go_live_targets() from public;
