-- After the address was corrected, or the mail server told what it is to accept: once more, with the same
-- Message-ID.
-- security definer: operations may read the mail, and write it by this.
create or replace function public.resend_mail_messages(p_ids bigint[] default null) returns integer
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_ids constant bigint[] := internal.lock_stuck_mail(p_ids);
    v_queued integer;
begin
    update public.mail_messages as m
       set state = 'PENDING', crashes = 0, next_attempt_at = now()
     where m.id = any (v_ids);
    get diagnostics v_queued = row_count;
    return v_queued;
end
$$;
comment on function public.resend_mail_messages(bigint[]) is
    'Queues mail again that bounced, is unknown, or waits for its next attempt; null: all that bounced or are unknown. Returns how many. Errors: LP030 unknown mail, LP031 at a worker or sent.';
revoke all on function public.resend_mail_messages(bigint[]) from public;
grant execute on function public.resend_mail_messages(bigint[]) to lead_operations;
