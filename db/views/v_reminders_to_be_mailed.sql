-- One reading of what still needs a message, for the worker that writes them and for people who look at the queue.
create or replace view public.v_reminders_to_be_mailed as
select
    r.id,
    r.lead_id,
    r.user_id
from public.lead_reminders as r
where
    r.sent_at is null and r.channel = 'EMAIL'
    and not exists (select from public.mail_message_reminders as x where x.reminder_id = r.id);
comment on view public.v_reminders_to_be_mailed is
    'Reminders queued as mail that are in no message yet: compose_mail_messages() puts them into one.';
grant select on public.v_reminders_to_be_mailed to lead_operations;
