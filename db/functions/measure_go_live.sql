-- The criteria of go-live that the database answers itself, over the last seven days: a day may be too quiet to say
-- anything, and a month holds what has long been put right. Targets and readings are those of the monitoring views.
-- security definer: who reads the view has no right on the tables.
create or replace function internal.measure_go_live()
returns table (
    criterion text,
    target text,
    value numeric,
    unit text,
    is_known boolean,
    is_met boolean,
    evidence text
)
language sql
stable
security definer
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

    catering as materialized (
        select m.kpi, m.dimension, m.value, m.status from public.monitoring_event_catering as m
    ),

    -- Whose facts have come in and whose events have gone out. Of cost an event tells only when it is too high, so
    -- what has come in has to do.
    modules as (
        select m.module, m.n,
               case
                   when m.events is null then exists (select from public.cost_entries)
                   else exists (
                       select from public.metric_outbox_published_total as p
                        where p.event_type like m.events and p.value > 0)
               end as is_seen
          from (
               values (1, 'leads', 'lead.%'), (2, 'samples', 'sample.%'), (3, 'catering', 'event.catering.%'),
                      (4, 'cost', null)
               ) as m (n, module, events)
    )

    select 'reminder_sla', k.target, round(greatest(r.slowest_seconds, o.value)), k.unit,
           r.sent > 0 or o.status <> 'OK',
           public.kpi_status(greatest(r.slowest_seconds, o.value), k.comparison, k.threshold, k.tolerated) = 'OK',
           format(
               '%s sent in 7 days, %s of them in time, the slowest after %s s; the oldest unsent waits for %s s',
               r.sent, r.in_time, coalesce(internal.figure(round(r.slowest_seconds)), '-'),
               internal.figure(round(o.value))
           )
      from kpis as k
     cross join internal.reminders_between(now() - interval '168 hours', now()) as r
     cross join (
           select m.value, m.status from public.monitoring_user_lead as m where m.kpi = 'reminder_oldest_unsent'
           ) as o
     where k.kpi = 'reminder_oldest_unsent'
     union all
    select 'sample_success', k.target, round(s.success_percent, 2), k.unit, s.success_percent is not null,
           public.kpi_status(s.success_percent, k.comparison, k.threshold, k.tolerated) = 'OK',
           format(
               '%s delivered, %s lost, %s failed in 7 days',
               s.delivered, s.lost, s.failed
           )
      from kpis as k
     cross join internal.samples_between(now() - interval '168 hours', now()) as s
     where k.kpi = 'sample_success'
     union all
    select 'catering_response', k.target, s.value, k.unit, s.value is not null or b.status <> 'OK',
           coalesce(s.status = 'OK', false) and b.status = 'OK',
           format(
               '%s answered in 7 days, the slowest after %s s; %s late or not at all',
               a.value, coalesce(s.value::text, '-'), b.value
           )
      from kpis as k
      join catering as s on s.kpi = k.kpi and s.dimension = 'slowest 7d'
      join catering as b on b.kpi = 'catering_breaches' and b.dimension = '7d'
      join catering as a on a.kpi = 'catering_answered' and a.dimension = '7d'
     where k.kpi = 'catering_response'
     union all
    -- What has cost nothing has not been entered.
    select 'cost_per_lead', k.target, round(c.cost_per_lead_eur, 2), k.unit, c.cost_eur > 0,
           public.kpi_status(c.cost_per_lead_eur, k.comparison, k.threshold, k.tolerated) = 'OK',
           format('%s EUR in 7 days, new leads: %s', round(c.cost_eur, 2), c.new_leads)
      from kpis as k
     cross join public.cost_per_lead(now()) as c
     where k.kpi = 'cost_per_lead' and c.team is null and c.time_window = '7d'
     union all
    select 'runbooks', 'each in German and English, with steps; help answers', b.runbooks, 'runbooks', b.runbooks > 0,
           b.incomplete is null and h.is_guided,
           format(
               '%s runbooks, incomplete: %s; help on lead protection: %s',
               b.runbooks, coalesce(b.incomplete, 'none'),
               case when h.is_guided then 'answers' else 'does not answer' end
           )
      from (
           select count(distinct r.runbook) as runbooks,
                  string_agg(distinct r.runbook, ', ') filter (
                      where not exists (
                          select from public.runbook_steps as s where s.runbook = r.runbook and s.locale = l.locale)
                  ) as incomplete
             from public.runbooks as r
            cross join (values ('de'), ('en')) as l (locale)
           ) as b
     cross join (
           select public.help_guided_operation('lead protection', 'de') ->> 'kind' = 'guided_operation' as is_guided
           ) as h
     union all
    select 'integration', 'leads, samples, catering, cost; no dead letters', m.seen, 'modules',
           m.missing is null or d.outbox_status <> 'OK' or d.inbox > 0,
           m.missing is null and d.outbox_status = 'OK' and d.inbox = 0,
           format(
               'nothing yet of: %s; dead letters: %s in the outbox, %s in the inbox',
               coalesce(m.missing, 'none'), d.outbox, d.inbox
           )
      from (
           select count(*) filter (where x.is_seen) as seen,
                  string_agg(x.module, ', ' order by x.n) filter (where not x.is_seen) as missing
             from modules as x
           ) as m
     cross join (
           select o.value as outbox, o.status as outbox_status,
                  (select count(*) from public.inbox_dead_letters) as inbox
             from public.monitoring_outbox as o
            where o.kpi = 'outbox_dead_letters'
           ) as d
     union all
    -- Of each season the latest rehearsal at its load, or above: a server changes, so one of a year ago shows nothing,
    -- nor does a load that is over before anything can pile up.
    select 'peak_performance', 'each season''s load rehearsed in 90 days, for a minute, every threshold kept', r.carried,
           'seasons',
           r.rehearsed > 0, r.carried = r.seasons,
           format('%s of %s seasons, not: %s', r.carried, r.seasons, coalesce(r.missing, 'none'))
      from (
           select count(*) as seasons, count(x.passed) as rehearsed, count(*) filter (where x.passed) as carried,
                  string_agg(s.season, ', ' order by s.first_month) filter (where x.passed is not true) as missing
             from public.seasons as s
             left join lateral (
                  select h.passed
                    from public.rehearsals as h
                   where h.load_multiplier >= s.load_multiplier
                     and h.seconds >= 60
                     and h.rehearsed_at > now() - interval '2160 hours' -- 90 days
                   order by h.rehearsed_at desc, h.id desc
                   limit 1
                  ) as x on true
           ) as r
$$;
comment on function internal.measure_go_live() is
    'The measured criteria of go-live as of now(), a row each: against which target, whether there is anything to judge by, whether it is met, and by what.';
revoke all on function internal.measure_go_live() from public;
grant execute on function internal.measure_go_live() to lead_operations, grafana_reader;
