-- What was queued as mail gets its messages: one a lead, but one for all of a user's when they are more than his
-- contract's threshold: a burst does not flood a partner. What was queued within a minute counts as one run,
-- so that a worker that comes by in the middle of it sends few single ones and the rest as one.
-- security definer: the worker calls functions, it does not write tables.
create or replace function public.compose_mail_messages("limit" integer default 1000) returns integer
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_limit constant integer := internal.checked_limit(compose_mail_messages."limit");
    v_domain constant text := btrim(split_part(public.mail_sender(), '@', 2), '> ');
    v_user record;
    v_reminders bigint[];
    v_in_run integer;
    v_is_digest boolean;
    v_reminder record;
    v_mail_id bigint;
    v_composed integer := 0;
begin
    perform internal.settle_sent_mail();
    perform internal.fall_back_to_events(v_limit);
    -- Nobody needs a message without reminders; one that bounced is tried at a corrected address.
    delete from public.mail_messages as m
     where m.id in (
         select e.id
           from public.mail_messages as e
          where e.state in ('PENDING', 'BOUNCED', 'UNKNOWN')
            and not exists (select from public.mail_message_reminders as x where x.mail_id = e.id)
            for update skip locked
     );
    update public.mail_messages as m
       set state = 'PENDING', next_attempt_at = now()
     where m.id in (
         select b.id
           from public.mail_messages as b
          where b.state = 'BOUNCED' and b.recipient <> internal.mail_address(b.user_id)
            for update skip locked
     );
    for v_user in
        select u.user_id, u.locale, internal.mail_address(u.user_id) as address,
               p.reminder_digest_threshold as threshold
          from public.sales_users as u
         cross join lateral internal.policy_in_force(u.policy, now()) as p
         where u.user_id in (select r.user_id from public.v_reminders_to_be_mailed as r)
           and internal.mail_address(u.user_id) is not null
         order by u.user_id
         limit v_limit
           for no key update of u skip locked
    loop
        v_reminders := array(
            select r.id
              from public.v_reminders_to_be_mailed as r
             where r.user_id = v_user.user_id
             order by r.lead_id, r.id
               for update skip locked
        );
        continue when cardinality(v_reminders) = 0;
        select count(*) into v_in_run
          from public.lead_reminders as r
          join public.mail_message_reminders as x on x.reminder_id = r.id
         where r.user_id = v_user.user_id and r.channel = 'EMAIL'
           and r.created_at > (
               select max(n.created_at) from public.lead_reminders as n where n.id = any (v_reminders)
           ) - interval '1 minute';
        v_is_digest := cardinality(v_reminders) + v_in_run > v_user.threshold;
        v_mail_id := null;
        for v_reminder in
            select r.id, r.lead_id, lag(r.lead_id) over (order by r.lead_id, r.id) as last_lead_id
              from public.lead_reminders as r
             where r.id = any (v_reminders)
             order by r.lead_id, r.id
        loop
            if v_mail_id is null or not v_is_digest and v_reminder.lead_id <> v_reminder.last_lead_id then
                insert into public.mail_messages (user_id, recipient, locale, message_id)
                values (
                    v_user.user_id, v_user.address, v_user.locale, format('<%s@%s>', gen_random_uuid(), v_domain)
                )
                returning id into v_mail_id;
                v_composed := v_composed + 1;
            end if;
            insert into public.mail_message_reminders (reminder_id, mail_id) values (v_reminder.id, v_mail_id);
        end loop;
    end loop;
    return v_composed;
end
$$;
comment on function public.compose_mail_messages(integer) is
    'Puts queued reminders into messages, of up to "limit" (1000) users; before that makes good what was left: busy leads of sent mail, users without an address, corrected addresses. Returns how many messages were made. Errors: LP022.';
revoke all on function public.compose_mail_messages(integer) from public;
grant execute on function public.compose_mail_messages(integer) to lead_worker;
