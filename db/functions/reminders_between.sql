-- How fast reminders went out, for whichever window is asked: one reading for the monitoring view, the go-live
-- criteria and the report.
-- security definer: who reads the views has no right on the tables.
create or replace function internal.reminders_between(
    p_after timestamptz,
    p_until timestamptz,
    out sent bigint,
    out in_time bigint,
    out p99_seconds numeric,
    out slowest_seconds numeric
)
language sql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
    select count(*),
           count(*) filter (where r.seconds <= t.threshold), -- within the hour, as the page says: the hour included
           percentile_cont(0.99) within group (order by r.seconds)::numeric,
           max(r.seconds)
      from (
           select greatest(extract(epoch from x.sent_at - greatest(x.due_at, x.known_at)), 0) as seconds
             from public.lead_reminders as x
            where x.sent_at > p_after and x.sent_at <= p_until
           ) as r
     cross join (
           select k.threshold from public.v_kpi_thresholds as k where k.kpi = 'reminder_oldest_unsent'
           ) as t
$$;
comment on function internal.reminders_between(timestamptz, timestamptz) is
    'Reminders sent in (p_after, p_until]: how many, how many of them in time, and how long they took from the later of due_at and known_at.';
revoke all on function internal.reminders_between(timestamptz, timestamptz) from public;
grant execute on function internal.reminders_between(timestamptz, timestamptz) to lead_operations, grafana_reader;
