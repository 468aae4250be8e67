-- Before a reminder is written: the lead exists, sent_at is sane, and what a recorded expiry was judged
-- by stays as it is.
-- security definer: reads the machinery.
create or replace function internal.check_reminder() returns trigger
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    if tg_op = 'UPDATE' and new *= old then
        return new; -- an upsert of what is there
    elsif tg_op = 'UPDATE' then
        perform internal.lock_leads(array[old.lead_id, new.lead_id]);
        if new.lead_id is distinct from old.lead_id then
            perform internal.lock_lead(new.lead_id);
        end if;
        if old.sent_at is not null then
            perform internal.refuse_final(
                'A reminder', old.lead_id, old.user_id, old.sent_at, old.sent_at, old.counts_from
            );
        end if;
    else
        perform internal.lock_lead(new.lead_id);
    end if;
    new.sent_at := internal.checked_moment(new.sent_at, 'sent_at', false);
    new.created_at := internal.checked_moment(new.created_at, 'created_at', false);
    new.due_at := internal.checked_moment(new.due_at, 'due_at', true);
    if new.sent_at is not null then
        new.counts_from := internal.final_end(new.lead_id, new.user_id, new.sent_at, new.sent_at);
    end if;
    return new;
end
$$;
comment on function internal.check_reminder() is
    'Trigger on lead_reminders. Errors: LP001 unknown lead, LP006 out of range, LP007 future, LP014 recorded expiry.';
revoke all on function internal.check_reminder() from public;

create or replace trigger lead_reminders_check before insert on public.lead_reminders
for each row execute function internal.check_reminder();
create or replace trigger lead_reminders_check_update
before update of lead_id, user_id, reminder_type, window_start, due_at, sent_at, created_at on public.lead_reminders
for each row execute function internal.check_reminder();
