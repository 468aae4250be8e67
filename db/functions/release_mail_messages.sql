-- A worker that stops, or that finds no mail server, gives back what it has not begun to send.
-- security definer: the worker calls functions, it does not write tables.
create or replace function public.release_mail_messages(p_token uuid) returns integer
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_released integer;
begin
    update public.mail_messages as m
       set state = 'PENDING', token = null, leased_until = null
     where m.token = p_token and m.state = 'CLAIMED';
    get diagnostics v_released = row_count;
    return v_released;
end
$$;
comment on function public.release_mail_messages(uuid) is
    'Ends the lease on the messages of a claim that were not begun; returns how many.';
revoke all on function public.release_mail_messages(uuid) from public;
grant execute on function public.release_mail_messages(uuid) to lead_worker;
