-- The first answer is what was measured; a moment corrected later moves no count. A breach is counted once, when
-- it is recorded: by the worker, or with an answer that comes too late. Full joins, which no condition makes others:
-- the plan is kept from one row to many, and must not be a nested loop. A row is there twice where the statement
-- deletes its lead as well.
-- security definer: Module 03 writes requests and nothing else.
create or replace function internal.count_catering() returns trigger
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    insert into internal.figure_deltas (figure, label_1, label_2, amount, seconds)
    select 'event_catering_sla_seconds', n.event_type, n.capacity_tier, count(distinct n.id),
           extract(epoch from n.responded_at - n.requested_at)
      from after as n
      full join before as o on o.id = n.id
     where coalesce(o.id = n.id and o.responded_at is null and n.responded_at is not null, false)
     group by n.event_type, n.capacity_tier, n.responded_at - n.requested_at
     union all
    select 'event_catering_sla_breaches_total', n.event_type, '', count(distinct n.id), null
      from after as n
      full join before as o on o.id = n.id
     where coalesce(o.id = n.id and o.breached_at is null and n.breached_at is not null, false)
     group by n.event_type;
    return null;
end
$$;
comment on function internal.count_catering() is
    'Trigger on event_catering_requests: counts first answers by the time they took, and breaches.';
revoke all on function internal.count_catering() from public;

create or replace trigger event_catering_requests_count_answers after update on public.event_catering_requests
referencing old table as before new table as after
for each statement execute function internal.count_catering();
