-- A publisher takes the next events in order of id, under a lease: one publisher at a time keeps each
-- lead's order. A lease that ran out is taken over with a higher token, and its events are handed out again.
-- security definer: the worker calls functions, it does not write tables.
create or replace function public.claim_outbox_events(
    p_holder text,
    p_limit integer default 500,
    p_lease interval default interval '1 minute'
) returns table (token bigint, id bigint, event_id uuid, event_type text, lead_id bigint, payload json)
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
    v_token bigint;
    v_next bigint[];
    v_free bigint[];
begin
    if p_limit is null or p_limit < 1 then
        perform internal.raise_error('LP022', format('limit is %L.', p_limit));
    end if;
    -- A row that another publisher is just taking counts as taken.
    perform from internal.outbox_leases as x where x.shard = 0 for update skip locked;
    if not found then
        return;
    end if;
    update internal.outbox_leases as x
       set holder = p_holder,
           token = x.token
               + case when x.holder = p_holder and x.leased_until > clock_timestamp() then 0 else 1 end,
           leased_until = clock_timestamp() + p_lease
     where x.shard = 0 and (x.holder is not distinct from p_holder or x.leased_until <= clock_timestamp())
    returning x.token into v_token;
    if v_token is null then
        return;
    end if;
    -- A row that a writer is just withdrawing is passed over, and with it what comes later for its lead:
    -- waiting for it could make the writer a deadlock's victim.
    v_next := array(select o.id from public.outbox as o order by o.id limit p_limit);
    v_free := array(select o.id from public.outbox as o where o.id = any (v_next) for update skip locked);
    return query
        with claimed as (
            update public.outbox as o
               set claimed_at = coalesce(o.claimed_at, clock_timestamp()), claim_token = v_token
             where o.id = any (v_free)
               and not exists (
                   select from public.outbox as s
                    where s.id = any (v_next) and s.id <> all (v_free) and s.id < o.id and s.lead_id = o.lead_id
               )
            returning o.*
        )
        select v_token, c.id, c.event_id, c.event_type, c.lead_id, c.payload from claimed as c order by c.id;
    if not found then
        -- Whoever got nothing has no token to give back: the next publisher must not wait for this lease.
        perform public.release_outbox_claim(v_token);
    end if;
end
$$;
comment on function public.claim_outbox_events(text, integer, interval) is
    'The next events by id for p_holder, under a lease; empty while another holder has it, or when nothing is pending. Errors: LP022.';
revoke all on function public.claim_outbox_events(text, integer, interval) from public;
grant execute on function public.claim_outbox_events(text, integer, interval) to lead_worker;
