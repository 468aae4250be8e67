-- The mail server has accepted a message: that is the proof from which the ten days run. An acceptance is a fact,
-- whoever has the lease by now.
-- security definer: the worker calls functions, it does not write tables.
create or replace function public.record_mail_sent(p_id bigint) returns boolean
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    update public.mail_messages as m
       set state = 'SENT', sent_at = now(), last_error = null, token = null, leased_until = null
     where m.id = p_id and m.state <> 'SENT';
    if not found then
        return false;
    end if;
    perform internal.settle_sent_mail(p_id);
    update internal.mail_counts as n set messages = n.messages + 1 where n.outcome = 'sent';
    return true;
end
$$;
comment on function public.record_mail_sent(bigint) is
    'Records the mail server''s acceptance, and sets sent_at of the reminders in it (those of busy leads: with the next compose_mail_messages); once: false if it was recorded before.';
revoke all on function public.record_mail_sent(bigint) from public;
grant execute on function public.record_mail_sent(bigint) to lead_worker;
