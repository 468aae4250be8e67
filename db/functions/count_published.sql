-- The archive loses its months; what came into it stays counted. A replayed event that is discarded comes back, and was
-- counted when it was published.
-- security definer: writers have no right on the machinery.
create or replace function internal.count_published() returns trigger
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    insert into internal.figure_deltas (figure, label_1, amount)
    select 'outbox_published_total', e.event_type, count(*)
      from entered as e
     where e.published_at = now() -- by this transaction; one that came back may be younger than it
     group by e.event_type;
    return null;
end
$$;
comment on function internal.count_published() is 'Trigger on outbox_archive: counts published events by type.';
revoke all on function internal.count_published() from public;

create or replace trigger outbox_archive_count after insert on public.outbox_archive
referencing new table as entered
for each statement execute function internal.count_published();
