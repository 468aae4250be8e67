-- A consumer or a broker has lost what was published: it goes out once more, the same bytes under the same
-- event_id. It moves back from the archive, so that an event stands in one place, and gets a new place in the
-- queue: in the former order among what is replayed, behind what waits already.
-- security definer: operations may read the outbox, and write it by this.
create or replace function public.replay_outbox_events(
    p_ids bigint[] default null,
    p_event_type text default null,
    p_lead_id bigint default null,
    p_from timestamptz default null,
    p_to timestamptz default null
) returns table (id bigint, former_id bigint, event_id uuid, event_type text, lead_id bigint)
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
begin
    if num_nonnulls(p_ids, p_event_type, p_lead_id, p_from, p_to) = 0 then
        perform internal.raise_error('LP023', 'Everything that was ever published is not replayed at once.');
    end if;
    return query
        with moved as (
            delete from public.outbox_archive as a
             where (p_ids is null or a.id = any (p_ids))
               and (p_event_type is null or a.event_type = p_event_type)
               and (p_lead_id is null or a.lead_id = p_lead_id)
               and (p_from is null or a.published_at >= p_from)
               and (p_to is null or a.published_at < p_to)
            returning a.*
        ),
        queued as (
            insert into public.outbox (event_id, event_type, lead_id, user_id, payload, created_at, claimed_at)
            select m.event_id, m.event_type, m.lead_id, m.user_id, m.payload, m.created_at,
                   -- A reminder that went out is not withdrawn any more.
                   case when m.event_type = 'lead.protection.reminder' then m.published_at end
              from moved as m
             order by m.id
            returning outbox.id, outbox.event_id
        )
        select q.id, m.id, m.event_id, m.event_type, m.lead_id
          from queued as q
          join moved as m on m.event_id = q.event_id
         order by q.id;
end
$$;
comment on function public.replay_outbox_events(bigint[], text, bigint, timestamptz, timestamptz) is
    'Queues published events anew, by id, type, lead, and published_at from p_from up to p_to, all conditions together; returns them in order. sent_at of a reminder that has one stays. Errors: LP023 no condition.';
revoke all on function public.replay_outbox_events(bigint[], text, bigint, timestamptz, timestamptz) from public;
grant execute on function public.replay_outbox_events(bigint[], text, bigint, timestamptz, timestamptz)
to lead_operations;
