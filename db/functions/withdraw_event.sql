-- The event of a reminder that is not wanted any more goes, unless a publisher has it or it went out.
create or replace function internal.withdraw_event(p_event_id uuid) returns boolean
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
    delete from public.outbox as o
     where o.event_id = p_event_id and o.claimed_at is null and o.published_at is null;
    if found then
        return true;
    end if;
    delete from public.outbox_dead_letters as d where d.event_id = p_event_id and d.published_at is null;
    return found;
end
$$;
comment on function internal.withdraw_event(uuid) is
    'Deletes a pending, unclaimed or dead-lettered event that was never published; false when it is none.';
revoke all on function internal.withdraw_event(uuid) from public;
