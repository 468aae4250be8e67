-- Operations take up messages by hand: leads first, as everywhere, then the messages, all or none.
create or replace function internal.lock_stuck_mail(p_ids bigint[]) returns bigint[]
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    v_ids bigint[] := p_ids;
    v_id bigint;
    v_state text;
begin
    if v_ids is null then
        v_ids := array(select m.id from public.mail_messages as m where m.state in ('BOUNCED', 'UNKNOWN'));
    end if;
    perform internal.lock_leads(array(
        select r.lead_id
          from public.mail_message_reminders as x
          join public.lead_reminders as r on r.id = x.reminder_id
         where x.mail_id = any (v_ids)
    ));
    perform from public.mail_messages as m where m.id = any (v_ids) order by m.id for update;
    for v_id, v_state in
        select i.id, m.state from unnest(v_ids) as i (id) left join public.mail_messages as m on m.id = i.id
    loop
        if v_state is null then
            perform internal.raise_error('LP030', format('No mail has id %s.', coalesce(v_id::text, 'null')));
        elsif v_state not in ('PENDING', 'BOUNCED', 'UNKNOWN') then
            perform internal.raise_error('LP031', format('Mail %s is %s.', v_id, v_state));
        end if;
    end loop;
    return v_ids;
end
$$;
comment on function internal.lock_stuck_mail(bigint[]) is
    'Locks messages that wait, and the leads they tell of (null: all that have bounced or are unknown); returns their ids. Errors: LP030 unknown mail, LP031 at a worker or sent.';
revoke all on function internal.lock_stuck_mail(bigint[]) from public;
