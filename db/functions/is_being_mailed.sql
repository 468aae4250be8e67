-- A reminder that a mail worker has taken goes out, so whoever would withdraw it asks here, with its lead locked.
-- What nobody has taken stays locked: the composer and the worker pass over it. Messages that are under way are
-- never locked, for their worker would have to wait.
create or replace function internal.is_being_mailed(p_reminder_id bigint) returns boolean
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    v_mail_id bigint;
begin
    perform from public.lead_reminders as r where r.id = p_reminder_id for update;
    select x.mail_id into v_mail_id from public.mail_message_reminders as x where x.reminder_id = p_reminder_id;
    if not found then
        return false;
    end if;
    perform
       from public.mail_messages as m
      where m.id = v_mail_id and m.state in ('PENDING', 'BOUNCED') and m.unknowns = 0
        for update;
    return not found;
end
$$;
comment on function internal.is_being_mailed(bigint) is
    'Whether a reminder''s mail is at a worker, was sent, or may have been; if not, it stays so until the transaction ends.';
revoke all on function internal.is_being_mailed(bigint) from public;
