-- Read live: a publisher that stands still is to be seen at once. The lowest id is the oldest event; what was
-- refused and waits for another attempt, or is replayed, is no sign of it. An event that stands aside because the
-- sink took nothing has no attempt counted, and may be all there is while the sink is down: it does so for seconds
-- and alone, so that it is among the next. The order is that of the index, at any backlog.
create or replace view public.metric_outbox_lag_seconds as
select coalesce(greatest(extract(epoch from now() - min(o.created_at)), 0), 0)::double precision as value
from (
    (
        select x.created_at
        from public.outbox as x
        where x.next_attempt_at is null and x.original_id is null
        order by x.next_attempt_at, x.id
        limit 1
    )
    union all
    select n.created_at
    from (
        select x.created_at, x.attempts, x.last_error, x.original_id
        from public.outbox as x
        where x.next_attempt_at >= '-infinity'
        order by x.next_attempt_at, x.id
        limit 1000
    ) as n
    where n.attempts = 0 and n.last_error is not null and n.original_id is null
) as o;
comment on view public.metric_outbox_lag_seconds is 'Age of the oldest event that is not published and was not refused yet; 0: none waits.';
grant select on public.metric_outbox_lag_seconds to lead_exporter, lead_operations;
