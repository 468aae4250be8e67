-- A reminder is due once it has a row, and sent once that has sent_at, whichever of mail server and sink proved it.
-- security definer: writers have no right on the machinery.
create or replace function internal.count_reminders() returns trigger
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    if tg_op = 'INSERT' then
        perform internal.count_figure('lead_reminder_due_total', new.reminder_type);
    end if;
    if new.sent_at is not null then
        perform internal.count_figure('lead_reminder_sent_total', new.reminder_type);
        perform internal.count_figure(
            'lead_reminder_delay_seconds', new.reminder_type, '', 1,
            greatest(extract(epoch from new.sent_at - greatest(new.due_at, new.known_at)), 0)
        );
    end if;
    return null;
end
$$;
comment on function internal.count_reminders() is
    'Trigger on lead_reminders: counts the due and the sent, and how long it took from the later of due_at and known_at.';
revoke all on function internal.count_reminders() from public;

create or replace trigger lead_reminders_count after insert on public.lead_reminders
for each row execute function internal.count_reminders();
create or replace trigger lead_reminders_count_sent after update of sent_at on public.lead_reminders
for each row when (old.sent_at is null and new.sent_at is not null)
execute function internal.count_reminders();
