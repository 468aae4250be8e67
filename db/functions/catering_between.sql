-- How catering requests were answered, for whichever window is asked: one reading for the monitoring view, the go-live
-- criteria and the report. A breach by the passing of time counts from its moment on, recorded or not.
-- security definer: who reads the views has no right on the tables.
create or replace function internal.catering_between(
    p_after timestamptz,
    p_until timestamptz,
    out answered bigint,
    out p95_seconds numeric,
    out slowest_seconds numeric,
    out breaches bigint
)
language sql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
    select a.answered, a.p95, a.slowest, b.breaches
      from (
           select count(*) as answered,
                  -- Not rounded up: what was answered within its time must not look as if it had not been.
                  floor(
                      (
                          percentile_cont(0.95) within group (
                              order by extract(epoch from c.responded_at - c.requested_at)
                          )
                      )::numeric
                  ) as p95,
                  floor(max(extract(epoch from c.responded_at - c.requested_at))) as slowest
             from public.event_catering_requests as c
            where c.responded_at > p_after and c.responded_at <= p_until
           ) as a
     cross join (
           select count(*) as breaches
             from public.event_catering_requests as c
            cross join (select internal.catering_sla() as sla) as k
            where c.breached_at > p_after and c.breached_at <= p_until
               or c.responded_at is null and c.breached_at is null
              and c.requested_at <= least(p_until, now()) - k.sla and c.requested_at > p_after - k.sla
           ) as b
$$;
comment on function internal.catering_between(timestamptz, timestamptz) is
    'Catering requests answered in (p_after, p_until], 95th percentile and slowest in seconds, and breaches of the SLA in that window, the unanswered too.';
revoke all on function internal.catering_between(timestamptz, timestamptz) from public;
grant execute on function internal.catering_between(timestamptz, timestamptz) to lead_operations, grafana_reader;
