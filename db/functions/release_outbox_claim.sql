-- A publisher that stops gives its lease back, so that the next one need not wait for it to run out.
-- security definer: the worker calls functions, it does not write tables.
create or replace function public.release_outbox_claim(p_token bigint) returns void
language sql
security definer
set search_path = pg_catalog, pg_temp
as $$
    update internal.outbox_leases as x
       set holder = null, leased_until = '-infinity'
     where x.token = p_token
$$;
comment on function public.release_outbox_claim(bigint) is 'Ends a lease; nothing happens once it was taken over.';
revoke all on function public.release_outbox_claim(bigint) from public;
grant execute on function public.release_outbox_claim(bigint) to lead_worker;
