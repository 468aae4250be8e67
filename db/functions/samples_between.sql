-- What became of samples, for whichever window is asked: one reading for the monitoring view, the go-live criteria and
-- the report. What is open or was cancelled is neither success nor failure. Not rounded: who judges by it would judge
-- the rounding.
-- security definer: who reads the views has no right on the tables.
create or replace function internal.samples_between(
    p_after timestamptz,
    p_until timestamptz,
    out delivered bigint,
    out lost bigint,
    out failed bigint,
    out success_percent numeric
)
language sql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
    select c.delivered, c.lost, c.failed,
           100.0 * c.delivered / nullif(c.delivered + c.lost + c.failed, 0)
      from (
           select count(*) filter (where s.status = 'DELIVERED') as delivered,
                  count(*) filter (where s.status = 'LOST') as lost,
                  count(*) filter (where s.status = 'FAILED') as failed
             from public.sample_requests as s
            where s.resolved_at > p_after and s.resolved_at <= p_until
           ) as c
$$;
comment on function internal.samples_between(timestamptz, timestamptz) is
    'Samples resolved in (p_after, p_until], and success = delivered / (delivered + lost + failed), null where there is none.';
revoke all on function internal.samples_between(timestamptz, timestamptz) from public;
grant execute on function internal.samples_between(timestamptz, timestamptz) to lead_operations, grafana_reader;
