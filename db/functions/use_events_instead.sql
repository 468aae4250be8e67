-- Reminders that no mail will carry: their event's acceptance counts instead. One that was published already
-- goes out once more, the same bytes, so that there is an acceptance to count; one that has left the archive
-- is queued anew if it is still due.
create or replace function internal.use_events_instead(p_reminder_ids bigint[]) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    v_published bigint[];
begin
    update public.lead_reminders as r
       set channel = 'EVENT'
     where r.id = any (p_reminder_ids) and r.sent_at is null;
    delete from public.mail_message_reminders as x where x.reminder_id = any (p_reminder_ids);
    v_published := array(
        select a.id
          from public.lead_reminders as r
          join public.outbox_archive as a on a.event_id = r.event_id and a.published_at >= r.created_at
         where r.id = any (p_reminder_ids) and r.sent_at is null
    );
    if cardinality(v_published) > 0 then
        perform public.replay_outbox_events(v_published, p_state => 'PUBLISHED');
    end if;
    delete from public.lead_reminders as r
     where r.id = any (p_reminder_ids) and r.sent_at is null
       and not exists (select from public.outbox as o where o.event_id = r.event_id)
       and not exists (select from public.outbox_dead_letters as d where d.event_id = r.event_id);
end
$$;
comment on function internal.use_events_instead(bigint[]) is
    'Turns unsent reminders of locked leads to channel EVENT, and queues their published events anew.';
revoke all on function internal.use_events_instead(bigint[]) from public;
