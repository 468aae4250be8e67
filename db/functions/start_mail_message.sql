-- Said before a message is handed to the server: if the worker dies from here on, nobody knows whether it was
-- accepted; up to here everybody does.
-- security definer: the worker calls functions, it does not write tables.
create or replace function public.start_mail_message(
    p_id bigint,
    p_token uuid,
    p_lease interval default interval '5 minutes'
) returns boolean
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    update public.mail_messages as m
       set state = 'SENDING', attempts = m.attempts + 1, leased_until = clock_timestamp() + p_lease
     where m.id = p_id and m.token = p_token and m.state = 'CLAIMED' and m.leased_until > clock_timestamp();
    return found;
end
$$;
comment on function public.start_mail_message(bigint, uuid, interval) is
    'Marks a claimed message as being sent, and renews its lease; false: the lease has run out, leave it alone.';
revoke all on function public.start_mail_message(bigint, uuid, interval) from public;
grant execute on function public.start_mail_message(bigint, uuid, interval) to lead_worker;
