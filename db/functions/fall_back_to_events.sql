-- Mail was switched off, or a user has left or lost the address, after a reminder was queued as mail. Busy
-- leads and messages are left for the next round.
create or replace function internal.fall_back_to_events(p_limit integer) returns integer
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    v_reminders bigint[] := array(
        select r.id
          from public.lead_reminders as r
          left join public.mail_message_reminders as x on x.reminder_id = r.id
          left join public.mail_messages as m on m.id = x.mail_id
         where r.sent_at is null and r.channel = 'EMAIL'
           and (m.id is null or m.state in ('PENDING', 'BOUNCED', 'UNKNOWN'))
           and internal.mail_address(r.user_id) is null
         order by r.user_id, r.id -- by the index of what is to be mailed: what else is unsent or sent costs nothing
         limit p_limit
    );
begin
    if cardinality(v_reminders) = 0 then
        return 0;
    end if;
    v_reminders := array(
        select r.id
          from public.lead_reminders as r
          join public.leads as l on l.id = r.lead_id
          join internal.lead_clocks as c on c.lead_id = r.lead_id
         where r.id = any (v_reminders)
         order by c.lead_id
           for key share of l skip locked
           for update of c skip locked
           for update of r skip locked
    );
    -- Those that a worker has taken meanwhile go out.
    v_reminders := array(
        select r.id
          from unnest(v_reminders) as r (id)
         where not exists (select from public.mail_message_reminders as x where x.reminder_id = r.id)
         union all
        select u.reminder_id
          from (
              select x.reminder_id
                from public.mail_message_reminders as x
                join public.mail_messages as m on m.id = x.mail_id
               where x.reminder_id = any (v_reminders) and m.state in ('PENDING', 'BOUNCED', 'UNKNOWN')
                 for update of m skip locked
          ) as u
    );
    perform internal.use_events_instead(v_reminders);
    return cardinality(v_reminders);
end
$$;
comment on function internal.fall_back_to_events(integer) is
    'use_events_instead for up to p_limit reminders queued as mail whose user no mail can reach any more; returns how many.';
revoke all on function internal.fall_back_to_events(integer) from public;
