-- Nothing entered after an expiry was recorded counts for it. But what one statement writes is all there before the
-- first of its triggers runs: an expiry that such a trigger records has been judged by these activities, too.
create or replace function internal.is_judged(p_activity_id bigint) returns boolean
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
    return exists (
        select from public.lead_activities as a
          join public.lead_protection_periods as p on p.lead_id = a.lead_id and p.user_id = a.user_id
         where a.id = p_activity_id and p.recorded_at = now()
           and a.occurred_at >= p.started_at and a.occurred_at < p.ended_at
           -- In one transaction, by an earlier command: that of a trigger comes after its statement's.
           and a.xmin = p.xmin and a.cmin::text::bigint < p.cmin::text::bigint
    );
end
$$;
comment on function internal.is_judged(bigint) is
    'Whether the statement that wrote an activity has then recorded the expiry which that lies before.';
revoke all on function internal.is_judged(bigint) from public;
