-- The ten days run from sent_at: a reminder sent, corrected or deleted moves the clocks. One that is only
-- queued moves nothing.
-- security definer: writes clocks.
create or replace function internal.follow_reminder() returns trigger
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    if tg_op = 'DELETE' and not exists (select from public.leads as l where l.id = old.lead_id) then
        return null; -- its lead is being deleted; what is in the outbox goes out
    end if;
    if tg_op = 'UPDATE'
        and (old.lead_id, old.user_id, old.reminder_type, old.window_start, old.sent_at)
            is not distinct from (new.lead_id, new.user_id, new.reminder_type, new.window_start, new.sent_at)
    then
        return null;
    end if;
    if tg_op <> 'INSERT' and old.sent_at is null and (tg_op = 'DELETE' or new.sent_at is null) then
        -- A queued reminder is gone, or another one: its event too, and the sweep looks at the lead again.
        perform internal.withdraw_event(old.event_id);
        update internal.lead_clocks as c
           set next_reminder_check_at = least(c.next_reminder_check_at, now())
         where c.lead_id = old.lead_id and c.ended_at is null;
        return null;
    end if;
    if tg_op = 'INSERT' then
        perform internal.refresh_lead(new.lead_id);
        return null;
    end if;
    if tg_op = 'DELETE' then
        perform internal.lock_lead(old.lead_id);
        perform internal.refuse_final(
            'A reminder', old.lead_id, old.user_id, old.sent_at, old.sent_at, old.counts_from
        );
        perform internal.refresh_lead(old.lead_id);
    else
        perform internal.refresh_leads(array[old.lead_id, new.lead_id]);
    end if;
    if old.sent_at is not null then
        -- Its window may be that of one that is due: nobody could know while it stood there.
        perform internal.know_anew(c.lead_id, d.reminder_type)
           from internal.lead_clocks as c
          cross join lateral internal.due_reminders(c, greatest(now(), c.facts_entered_at)) as d
          where c.lead_id = old.lead_id and c.user_id = old.user_id
            and d.reminder_type = old.reminder_type and d.window_start = old.window_start;
    end if;
    return null;
end
$$;
comment on function internal.follow_reminder() is
    'Trigger on lead_reminders: recomputes the lead when a sent reminder comes, changes or goes; a queued one takes its event along. Errors: LP014.';
revoke all on function internal.follow_reminder() from public;

create or replace trigger lead_reminders_follow after insert on public.lead_reminders
for each row when (new.sent_at is not null) execute function internal.follow_reminder();
create or replace trigger lead_reminders_follow_update
after update of lead_id, user_id, reminder_type, window_start, sent_at on public.lead_reminders
for each row execute function internal.follow_reminder();
create or replace trigger lead_reminders_follow_delete after delete on public.lead_reminders
for each row execute function internal.follow_reminder();
