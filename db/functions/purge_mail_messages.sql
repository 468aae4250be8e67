-- Mail that was sent stays on record for a while: what it said is in its reminders, which stay.
-- security definer: the worker calls functions, it does not write tables.
create or replace function public.purge_mail_messages("limit" integer default 10000) returns integer
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_limit constant integer := internal.checked_limit(purge_mail_messages."limit");
    v_purged integer;
begin
    delete from public.mail_messages as m
     where m.id in (
         select o.id
           from public.mail_messages as o
          where o.state = 'SENT' and o.created_at < internal.retention_start('mail_retention')
            and not exists (
                select from public.mail_message_reminders as x
                  join public.lead_reminders as r on r.id = x.reminder_id
                 where x.mail_id = o.id and r.sent_at is null
            )
          order by o.created_at
          limit v_limit
            for update skip locked
     );
    get diagnostics v_purged = row_count;
    return v_purged;
end
$$;
comment on function public.purge_mail_messages(integer) is
    'Deletes up to "limit" messages that were sent and are older than the setting mail_retention; returns how many. Errors: LP022.';
revoke all on function public.purge_mail_messages(integer) from public;
grant execute on function public.purge_mail_messages(integer) to lead_worker;
