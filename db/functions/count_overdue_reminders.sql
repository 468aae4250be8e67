-- One that waits unsent is late from the end of its time on, as an unanswered catering request is: whoever counts only
-- what was sent would call a stretch in which nothing went out a good one.
create or replace function internal.count_overdue_reminders(p_after timestamptz, p_until timestamptz) returns bigint
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
    select count(*)
      from public.lead_reminders as x
     cross join (
           select make_interval(secs => k.threshold::double precision) as sla
             from public.v_kpi_thresholds as k
            where k.kpi = 'reminder_oldest_unsent'
           ) as t
     where x.sent_at is null and greatest(x.due_at, x.known_at) > p_after - t.sla
       and greatest(x.due_at, x.known_at) <= p_until - t.sla
       and greatest(x.due_at, x.known_at) < now() - t.sla
$$;
comment on function internal.count_overdue_reminders(timestamptz, timestamptz) is
    'Reminders not sent until now whose time to go out ended in (p_after, p_until], and before now().';
revoke all on function internal.count_overdue_reminders(timestamptz, timestamptz) from public;
