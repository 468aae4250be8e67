-- What a sink refuses is tried again later, and in the end set apart, so that it holds up later events of its own
-- lead only, and those not for ever. The last attempt of a busy lead's reminder is followed by one more.
-- security definer: the worker calls functions, it does not write tables.
create or replace function public.refuse_outbox_events(
    p_token bigint,
    p_ids bigint[],
    p_errors text[],
    p_retry_after double precision[] default null,
    p_final boolean[] default null
) returns table (id bigint, state text)
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
    v_most integer;
    v_first interval;
    v_held integer[];
    v_shards integer;
    v_last bigint;
    v_busy bigint[];
begin
    if cardinality(p_ids) is distinct from cardinality(p_errors) then
        perform internal.raise_error(
            'LP028', format('There are %s ids and %s errors.', cardinality(p_ids), cardinality(p_errors))
        );
    end if;
    select s.value::integer into strict v_most from public.settings as s where s.name = 'outbox_max_attempts';
    select s.value::interval into strict v_first from public.settings as s where s.name = 'outbox_retry_delay';
    select x.held, x.shards, x.claimed_to into v_held, v_shards, v_last from internal.lock_outbox_claim(p_token) as x;
    if v_held is null then
        return;
    end if;
    v_busy := internal.recall_refused_reminders(p_ids, v_held, v_shards, v_last);
    return query
        with refused as materialized (
            select o.id, left(r.error, 1000) as error, o.attempts + 1 as attempts, r.retry_after,
                   (coalesce(r.is_final, false) or o.attempts + 1 >= v_most)
                   and not (o.event_type = 'lead.protection.reminder' and o.lead_id = any (v_busy)) as is_dead
              from unnest(p_ids, p_errors, p_retry_after, p_final) as r (id, error, retry_after, is_final)
              join public.outbox as o on o.id = r.id
             where o.id <= v_last and internal.outbox_shard(o.lead_id, v_shards) = any (v_held)
        ),
        waiting as (
            update public.outbox as o
               set attempts = r.attempts,
                   last_error = coalesce(r.error, 'refused'),
                   next_attempt_at = clock_timestamp() + greatest(
                       internal.retry_delay(r.attempts, v_first),
                       make_interval(secs => least(coalesce(r.retry_after, 0), 3600))
                   )
              from refused as r
             where o.id = r.id and not r.is_dead
            returning o.id
        ),
        gone as (
            delete from public.outbox as o
             using refused as r
             where o.id = r.id and r.is_dead
            returning o.*, r.error, r.attempts as all_attempts
        ),
        dead as (
            insert into public.outbox_dead_letters (
                id, event_id, event_type, lead_id, user_id, payload, created_at, dead_lettered_at, attempts, last_error,
                original_id, published_at
            )
            select g.id, g.event_id, g.event_type, g.lead_id, g.user_id, g.payload, g.created_at, clock_timestamp(),
                   g.all_attempts, coalesce(g.error, 'refused'), g.original_id, g.published_at
              from gone as g
            returning outbox_dead_letters.id
        )
        select w.id, 'RETRYING' from waiting as w
         union all
        select d.id, 'DEAD' from dead as d;
end
$$;
comment on function public.refuse_outbox_events(bigint, bigint[], text[], double precision[], boolean[]) is
    'Notes that a sink refused events claimed under p_token: each waits for its next attempt (at least p_retry_after seconds, an hour at most), or is a dead letter (p_final, or setting outbox_max_attempts reached). Returns which became what (RETRYING, DEAD); a reminder that is no longer due is withdrawn; none once the lease was taken over. Errors: LP028.';
revoke all on function public.refuse_outbox_events(bigint, bigint[], text[], double precision[], boolean[]) from public;
grant execute on function public.refuse_outbox_events(bigint, bigint[], text[], double precision[], boolean[])
to lead_worker;
