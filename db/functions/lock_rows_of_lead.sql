-- A lead that is deleted takes its activities and holds along and leaves its requests behind. Their rows come before
-- its clocks in the order of locks (lock_clocks), hence before forget_lead: triggers fire in the order of their names.
-- security definer: Module 02 deletes leads and has no right on requests.
create or replace function internal.lock_rows_of_lead() returns trigger
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    perform from public.lead_activities as a where a.lead_id = old.id order by a.id for update;
    perform from public.lead_holds as h where h.lead_id = old.id order by h.id for update;
    perform from public.sample_requests as s where s.lead_id = old.id order by s.id for update;
    perform from public.event_catering_requests as r where r.lead_id = old.id order by r.id for update;
    return old;
end
$$;
comment on function internal.lock_rows_of_lead() is 'Trigger on leads: locks the activities, holds and requests of a lead before it is deleted.';
revoke all on function internal.lock_rows_of_lead() from public;

create or replace trigger leads_detach before delete on public.leads
for each row execute function internal.lock_rows_of_lead();
