-- Read live: a publisher that stands still is to be seen at once. The lowest id is the oldest event;
-- what waits for another attempt, or is replayed, is no sign of it.
create or replace view public.metric_outbox_lag_seconds as
select coalesce(greatest(extract(epoch from now() - o.created_at), 0), 0)::double precision as value
from (select 1) as one
left join (
    select x.created_at
    from public.outbox as x
    where x.next_attempt_at is null and x.original_id is null
    order by x.id
    limit 1
) as o on true;
comment on view public.metric_outbox_lag_seconds is 'Age of the oldest event that is not published and was not refused yet; 0: none waits.';
grant select on public.metric_outbox_lag_seconds to lead_exporter, lead_operations;
