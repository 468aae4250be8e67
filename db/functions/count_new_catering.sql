-- An import brings requests that were answered, or not in time.
-- security definer: Module 03 writes requests and nothing else.
create or replace function internal.count_new_catering() returns trigger
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    insert into internal.figure_deltas (figure, label_1, label_2, amount, seconds)
    select 'event_catering_sla_seconds', e.event_type, e.capacity_tier, count(*),
           extract(epoch from e.responded_at - e.requested_at)
      from entered as e
     where e.responded_at is not null
     group by e.event_type, e.capacity_tier, e.responded_at - e.requested_at
     union all
    select 'event_catering_sla_breaches_total', e.event_type, '', count(*), null
      from entered as e
     where e.breached_at is not null
     group by e.event_type;
    return null;
end
$$;
comment on function internal.count_new_catering() is
    'Trigger on event_catering_requests: counts the requests entered with an answer, or as breached.';
revoke all on function internal.count_new_catering() from public;

create or replace trigger event_catering_requests_count after insert on public.event_catering_requests
referencing new table as entered
for each statement execute function internal.count_new_catering();
