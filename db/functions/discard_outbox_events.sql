-- Pending events and dead letters that nobody shall get. A reminder's row goes with its event, so that it is queued
-- anew if it is still due (the trigger on lead_reminders sends the sweep to its lead); one that was sent, or is at a
-- mail worker, stays. One that was published and is replayed goes back to where it was: it did go out.
-- security definer: operations may read the outbox, and write it by this.
create or replace function public.discard_outbox_events(p_ids bigint[])
returns table (id bigint, event_id uuid, event_type text, lead_id bigint, is_queued_anew boolean)
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
    v_id bigint;
begin
    if coalesce(cardinality(p_ids), 0) = 0 then
        perform internal.raise_error('LP023', 'There is no id to discard.');
    end if;
    -- Leads and clocks before outbox rows, as everywhere.
    perform internal.lock_leads(array(
        select o.lead_id from public.outbox as o where o.id = any (p_ids)
         union
        select d.lead_id from public.outbox_dead_letters as d where d.id = any (p_ids)
    ));
    -- Without the leases no publisher takes any of them. The table and not its rows: a publisher that has some
    -- may wait for others, and a new division puts other rows in their place.
    lock table internal.outbox_leases in exclusive mode;
    select i.id into v_id
      from unnest(p_ids) as i (id)
     where not exists (select from public.outbox as o where o.id = i.id)
       and not exists (select from public.outbox_dead_letters as d where d.id = i.id)
     limit 1;
    if found then
        perform internal.raise_error(
            'LP024', format('No pending or dead-lettered event has id %s.', coalesce(v_id::text, 'null'))
        );
    end if;
    select o.id into v_id
      from public.outbox as o
      join internal.outbox_leases as x on x.shard = internal.outbox_shard(o.lead_id, x.shards)
     where o.id = any (p_ids) and internal.is_at_publisher(o.id, o.next_attempt_at, x.claimed_to, x.leased_until)
     limit 1;
    if found then
        perform internal.raise_error('LP025', format('Event %s may be going out at this moment.', v_id));
    end if;
    -- What stands behind a refused one need not wait for it any more.
    update public.outbox as o
       set next_attempt_at = null
     where o.last_error is null and o.next_attempt_at is not null
       and o.lead_id in (
               select f.lead_id from public.outbox as f where f.id = any (p_ids) and f.last_error is not null
           );
    return query
        with pending as (
            delete from public.outbox as o where o.id = any (p_ids) returning o.*
        ),
        dead as (
            delete from public.outbox_dead_letters as d where d.id = any (p_ids) returning d.*
        ),
        discarded as materialized (
            select p.id, p.event_id, p.event_type, p.lead_id, p.user_id, p.payload, p.created_at, p.published_at,
                   p.original_id
              from pending as p
             union all
            select d.id, d.event_id, d.event_type, d.lead_id, d.user_id, d.payload, d.created_at, d.published_at,
                   d.original_id
              from dead as d
        ),
        put_back as (
            insert into public.outbox_archive (
                id, event_id, event_type, lead_id, user_id, payload, created_at, published_at, original_id
            )
            select d.id, d.event_id, d.event_type, d.lead_id, d.user_id, d.payload, d.created_at, d.published_at,
                   d.original_id
              from discarded as d
             where d.published_at is not null
        ),
        forgotten as (
            delete from public.lead_reminders as r
             where r.event_id in (select d.event_id from discarded as d) and r.sent_at is null
               and not internal.is_being_mailed(r.id)
            returning r.event_id
        )
        select d.id, d.event_id, d.event_type, d.lead_id,
               exists (select from forgotten as f where f.event_id = d.event_id)
          from discarded as d
         order by d.id;
end
$$;
comment on function public.discard_outbox_events(bigint[]) is
    'Deletes pending events and dead letters, all or none, and the rows of reminders among them that were not sent (is_queued_anew: if still due); what was published before it was replayed is in the archive again, as long as that keeps it. Errors: LP023 no id, LP024 neither pending nor dead, LP025 at a publisher.';
revoke all on function public.discard_outbox_events(bigint[]) from public;
grant execute on function public.discard_outbox_events(bigint[]) to lead_operations;
