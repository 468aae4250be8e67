-- A reminder that no publisher and no mail worker has taken yet is withdrawn with its event as soon as its lead
-- is no longer due, whatever made it so. One already taken goes out, and the rules decide whether it counts.
create or replace function internal.withdraw_reminders(p_clocks internal.lead_clocks) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    v_reminder public.lead_reminders;
    v_left boolean := false;
begin
    for v_reminder in
        select r.* from public.lead_reminders as r
         where r.lead_id = p_clocks.lead_id and r.sent_at is null
         order by r.id
    loop
        if v_reminder.user_id = p_clocks.user_id and exists (
            select from internal.due_reminders(p_clocks, now()) as d
             where d.reminder_type = v_reminder.reminder_type and d.window_start = v_reminder.window_start
        ) then
            v_left := true;
            continue;
        end if;
        if not internal.is_being_mailed(v_reminder.id) and internal.withdraw_event(v_reminder.event_id) then
            delete from public.lead_reminders as r where r.id = v_reminder.id;
        else
            v_left := true;
        end if;
    end loop;
    update internal.lead_clocks as c
       set has_queued_reminder = v_left
     where c.lead_id = p_clocks.lead_id and c.has_queued_reminder <> v_left;
end
$$;
comment on function internal.withdraw_reminders(internal.lead_clocks) is
    'Deletes the queued, unclaimed or dead-lettered reminders of a locked lead that its clocks no longer make due, with their events.';
revoke all on function internal.withdraw_reminders(internal.lead_clocks) from public;
