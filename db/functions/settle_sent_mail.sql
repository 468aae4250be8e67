-- What the mail server has accepted is sent, at the moment of its acceptance. Leads that somebody is busy with
-- are left for the next round: the acceptance itself is on record.
create or replace function internal.settle_sent_mail(p_mail_id bigint default null) returns integer
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    v_leads bigint[] := array(
        select r.lead_id
          from public.lead_reminders as r
          join public.mail_message_reminders as x on x.reminder_id = r.id
          join public.mail_messages as m on m.id = x.mail_id
         where r.sent_at is null and r.channel = 'EMAIL' and m.state = 'SENT'
           and (p_mail_id is null or m.id = p_mail_id)
    );
    v_free bigint[];
    v_settled integer;
begin
    if cardinality(v_leads) = 0 then
        return 0;
    end if;
    v_free := internal.lock_free_leads(v_leads);
    update public.lead_reminders as r
       set sent_at = m.sent_at
      from public.mail_message_reminders as x
      join public.mail_messages as m on m.id = x.mail_id
     where x.reminder_id = r.id and r.lead_id = any (v_free)
       and r.sent_at is null and r.channel = 'EMAIL' and m.state = 'SENT'
       and (p_mail_id is null or m.id = p_mail_id);
    get diagnostics v_settled = row_count;
    return v_settled;
end
$$;
comment on function internal.settle_sent_mail(bigint) is
    'Sets sent_at of the reminders in a mail (null: in all) that was accepted, but of busy leads; returns of how many.';
revoke all on function internal.settle_sent_mail(bigint) from public;
