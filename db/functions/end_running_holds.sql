-- Every hold still running ends, planned releases included; one that began later than this
-- transaction's moment ends as it begins.
create or replace function internal.end_running_holds(p_lead_id bigint, p_at timestamptz, p_released_by bigint)
returns bigint
language sql
set search_path = pg_catalog, pg_temp
as $$
    with ended as (
        update public.lead_holds as h
           set end_at = greatest(p_at, h.start_at), released_by = p_released_by
         where h.lead_id = p_lead_id and (h.end_at is null or h.end_at > p_at)
        returning h.id
    )
    select count(*) from ended
$$;
comment on function internal.end_running_holds(bigint, timestamptz, bigint) is
    'Ends all running holds of a locked lead at p_at; returns how many.';
revoke all on function internal.end_running_holds(bigint, timestamptz, bigint) from public;
