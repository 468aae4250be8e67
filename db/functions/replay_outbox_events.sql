-- A consumer or a broker has lost what was published, or a dead letter is to have another chance: it goes out once
-- more, the same bytes under the same event_id. It moves back, so that an event stands in one place, and gets a new
-- place in the queue: behind what waits already, among what is replayed in the order in which all was written,
-- however often some of it was replayed before.
-- security definer: operations may read the outbox, and write it by this.
create or replace function public.replay_outbox_events(
    p_ids bigint[] default null,
    p_event_type text default null,
    p_lead_id bigint default null,
    p_from timestamptz default null,
    p_to timestamptz default null,
    p_state text default null
) returns table (id bigint, former_id bigint, event_id uuid, event_type text, lead_id bigint)
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
begin
    if coalesce(p_state, 'DEAD') not in ('DEAD', 'PUBLISHED') then
        perform internal.raise_error('LP029', format('state is %L.', p_state));
    end if;
    if num_nonnulls(p_ids, p_event_type, p_lead_id, p_from, p_to) = 0 and p_state is distinct from 'DEAD' then
        perform internal.raise_error('LP023', 'Everything that was ever published is not replayed at once.');
    end if;
    perform internal.checked_event_type(p_event_type);
    return query
        with revived as (
            delete from public.outbox_dead_letters as d
             where p_state is distinct from 'PUBLISHED'
               and internal.is_sought_event(
                       d.id, d.event_id, d.event_type, d.lead_id, d.dead_lettered_at,
                       p_ids, null, p_event_type, p_lead_id, p_from, p_to
                   )
            returning d.*
        ),
        fetched as (
            delete from public.outbox_archive as a
             where p_state is distinct from 'DEAD'
               and internal.is_sought_event(
                       a.id, a.event_id, a.event_type, a.lead_id, a.published_at,
                       p_ids, null, p_event_type, p_lead_id, p_from, p_to
                   )
            returning a.*
        ),
        moved as materialized (
            select d.id, d.event_id, d.event_type, d.lead_id, d.user_id, d.payload, d.created_at,
                   d.published_at, coalesce(d.original_id, d.id) as original_id
              from revived as d
             union all
            select a.id, a.event_id, a.event_type, a.lead_id, a.user_id, a.payload, a.created_at,
                   a.published_at, coalesce(a.original_id, a.id)
              from fetched as a
        ),
        queued as (
            -- With published_at a reminder is not withdrawn any more: it went out.
            insert into public.outbox (
                event_id, event_type, lead_id, user_id, payload, created_at, original_id, published_at
            )
            select m.event_id, m.event_type, m.lead_id, m.user_id, m.payload, m.created_at, m.original_id,
                   m.published_at
              from moved as m
             order by m.original_id
            returning outbox.id, outbox.event_id
        )
        select q.id, m.id, m.event_id, m.event_type, m.lead_id
          from queued as q
          join moved as m on m.event_id = q.event_id
         order by q.id;
end
$$;
comment on function public.replay_outbox_events(bigint[], text, bigint, timestamptz, timestamptz, text) is
    'Queues published and dead-lettered events anew (p_state PUBLISHED or DEAD: only such), by id, type, lead, and published_at or dead_lettered_at from p_from up to p_to, all conditions together; returns them in the order they were written in. sent_at of a reminder that has one stays. Errors: LP023 no condition (DEAD is one), LP026 unknown type, LP029.';
revoke all on function public.replay_outbox_events(bigint[], text, bigint, timestamptz, timestamptz, text) from public;
grant execute on function public.replay_outbox_events(bigint[], text, bigint, timestamptz, timestamptz, text)
to lead_operations;
