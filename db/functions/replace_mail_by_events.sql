-- A user whom no mail reaches is to be warned all the same: the sink's acceptance of the events counts then.
-- security definer: operations may read the mail, and write it by this.
create or replace function public.replace_mail_by_events(p_ids bigint[]) returns integer
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_ids constant bigint[] := internal.lock_stuck_mail(coalesce(p_ids, '{}'));
    v_reminders constant bigint[] := array(
        select x.reminder_id from public.mail_message_reminders as x where x.mail_id = any (v_ids)
    );
begin
    perform internal.use_events_instead(v_reminders);
    delete from public.mail_messages as m where m.id = any (v_ids);
    return cardinality(v_reminders);
end
$$;
comment on function public.replace_mail_by_events(bigint[]) is
    'Gives up mail that bounced, is unknown or waits: its reminders count as sent when a sink has accepted their events, which go out once more if need be. Returns of how many. Errors: LP030 unknown mail, LP031 at a worker or sent.';
revoke all on function public.replace_mail_by_events(bigint[]) from public;
grant execute on function public.replace_mail_by_events(bigint[]) to lead_operations;
