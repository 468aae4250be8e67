-- What waits, what a publisher has at this moment, what was given up, and what went out, in one list.
-- security definer: who has what stands in the leases, which are nobody's business otherwise.
create or replace function public.list_outbox_events(
    p_ids bigint[] default null,
    p_event_ids uuid[] default null,
    p_state text default null,
    p_event_type text default null,
    p_lead_id bigint default null,
    p_from timestamptz default null,
    p_to timestamptz default null,
    p_limit integer default 50
) returns table (
    id bigint,
    event_id uuid,
    event_type text,
    lead_id bigint,
    user_id bigint,
    state text,
    created_at timestamptz,
    published_at timestamptz,
    payload json,
    attempts integer,
    next_attempt_at timestamptz,
    last_error text
)
language plpgsql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
begin
    perform internal.checked_limit(p_limit);
    perform internal.checked_event_type(p_event_type);
    return query
        select e.*
          from (
              (
                  select o.id, o.event_id, o.event_type, o.lead_id, o.user_id, s.state,
                         o.created_at, null::timestamptz as published_at, o.payload,
                         o.attempts, o.next_attempt_at, o.last_error
                    from public.outbox as o
                    left join internal.outbox_leases as x
                      on x.shard = internal.outbox_shard(o.lead_id, x.shards)
                   cross join lateral (values (
                       case
                           when internal.is_at_publisher(o.id, o.next_attempt_at, x.claimed_to, x.leased_until)
                               then 'CLAIMED'
                           when o.last_error is not null then 'RETRYING'
                           else 'PENDING'
                       end
                   )) as s (state)
                   where (p_state is null or s.state = p_state)
                     and internal.is_sought_event(
                             o.id, o.event_id, o.event_type, o.lead_id, o.created_at,
                             p_ids, p_event_ids, p_event_type, p_lead_id, p_from, p_to
                         )
                   order by o.id desc
                   limit p_limit
              )
              union all
              (
                  select d.id, d.event_id, d.event_type, d.lead_id, d.user_id, 'DEAD',
                         d.created_at, null, d.payload, d.attempts, null, d.last_error
                    from public.outbox_dead_letters as d
                   where internal.is_sought_event(
                             d.id, d.event_id, d.event_type, d.lead_id, d.dead_lettered_at,
                             p_ids, p_event_ids, p_event_type, p_lead_id, p_from, p_to
                         )
                     and coalesce(p_state, 'DEAD') = 'DEAD'
                   order by d.dead_lettered_at desc, d.id desc
                   limit p_limit
              )
              union all
              (
                  select a.id, a.event_id, a.event_type, a.lead_id, a.user_id, 'PUBLISHED',
                         a.created_at, a.published_at, a.payload, null, null, null
                    from public.outbox_archive as a
                   where internal.is_sought_event(
                             a.id, a.event_id, a.event_type, a.lead_id, a.published_at,
                             p_ids, p_event_ids, p_event_type, p_lead_id, p_from, p_to
                         )
                     and coalesce(p_state, 'PUBLISHED') = 'PUBLISHED'
                   order by a.published_at desc, a.id desc
                   limit p_limit
              )
          ) as e
         limit p_limit;
end
$$;
comment on function public.list_outbox_events(
    bigint[], uuid[], text, text, bigint, timestamptz, timestamptz, integer
) is 'Events by id, state (PENDING, CLAIMED: a publisher has it, RETRYING: refused, waits for next_attempt_at, DEAD, PUBLISHED), type, lead, and time from p_from up to p_to (by published_at, dead_lettered_at, else created_at); what is not published first, then the latest first. Errors: LP022, LP026 unknown type.';
revoke all on function public.list_outbox_events(
    bigint[], uuid[], text, text, bigint, timestamptz, timestamptz, integer
) from public;
grant execute on function public.list_outbox_events(
    bigint[], uuid[], text, text, bigint, timestamptz, timestamptz, integer
) to lead_operations;
