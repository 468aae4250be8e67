-- The same figures from the facts themselves, as plainly as can be: what the snapshot is checked against. Slow, and
-- of counters only what the tables still show.
create or replace function internal.recount_figures(p_at timestamptz)
returns table (figure text, label_1 text, value double precision, is_counter boolean)
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
    select 'lead_protection_state', s.state, count(r.state), false
      from (values ('PROTECTED'), ('REMINDER_DUE'), ('GRACE'), ('EXPIRED'), ('CONVERTED')) as s (state)
      left join (
           select (internal.protection_row(c, p_at)).state from internal.lead_clocks as c
           ) as r on r.state = s.state
     group by s.state
     union all
    select 'lead_holds_active', '', count(*), false
      from public.lead_holds as h
      join public.lead_protection_periods as p on p.lead_id = h.lead_id and p.user_id = h.user_id
     where h.start_at <= p_at and coalesce(h.end_at > p_at, true) and p.ended_at is null
     union all
    select 'lead_reminders_pending', '', count(*), false
      from (
           select r.lead_id, r.user_id, r.reminder_type, r.window_start
             from public.lead_reminders as r
            where r.sent_at is null
            union
           select c.lead_id, c.user_id, d.reminder_type, d.window_start
             from internal.lead_clocks as c
            cross join lateral internal.due_reminders(c, p_at) as d
            where not exists (
                  select from public.lead_reminders as r
                   where r.lead_id = c.lead_id and r.user_id = c.user_id and r.reminder_type = d.reminder_type
                     and r.window_start = d.window_start and r.sent_at is not null
                  )
           ) as pending
     union all
    select 'lead_qualified_activity_total', '', count(*), true
      from public.lead_activities as a
      join public.activity_types as t on t.activity_type = a.activity_type
     where t.is_qualified
     union all
    select 'lead_reminder_due_total', r.reminder_type, count(*), true
      from public.lead_reminders as r
     group by r.reminder_type
     union all
    select 'lead_reminder_sent_total', r.reminder_type, count(*), true
      from public.lead_reminders as r
     where r.sent_at is not null
     group by r.reminder_type
     union all
    select 'lead_protection_expired_total', lower(p.end_reason), count(*), true
      from public.lead_protection_periods as p
     where p.recorded_at is not null
     group by p.end_reason
     union all
    select 'lead_conversion_success_total', '', count(*), true
      from public.leads as l
     where l.converted_at is not null
     union all
    select f.figure, null, count(*), true
      from public.sample_requests as s
     cross join lateral (
           values ('sample_request_total'), (internal.sample_figure(s.status))
           ) as f (figure)
     where f.figure is not null
     group by f.figure
     union all
    select 'event_catering_sla_seconds', null, count(*), true
      from public.event_catering_requests as c
     where c.responded_at is not null
     union all
    select 'event_catering_sla_breaches_total', null, count(*), true
      from public.event_catering_requests as c
     where c.breached_at is not null
     union all
    select 'outbox_published_total', null, count(*), true from public.outbox_archive as o
     union all
    select 'job_runs_total', null, count(*), true from public.job_runs as j where j.outcome is not null
$$;
comment on function internal.recount_figures(timestamptz) is
    'Figures recounted from the facts as of p_at: gauges as they are, counters (label_1 null: over all labels) at least so high.';
revoke all on function internal.recount_figures(timestamptz) from public;
