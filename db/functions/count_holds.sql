-- Which holds stop a clock, and which have done so for too long: one reading for the snapshot and for the view that
-- people read.
-- security definer: who reads the view has no right on the tables.
create or replace function internal.count_holds(p_at timestamptz, out active bigint, out overrun bigint)
language sql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
    select count(*),
           count(*) filter (where internal.add_local(h.start_at, p.max_hold, p.time_zone) < p_at)
      from (
           select o.lead_id, o.user_id, o.start_at from public.lead_holds as o where o.end_at is null
            union all
           select o.lead_id, o.user_id, o.start_at from public.lead_holds as o where o.end_at > p_at
           ) as h
      join internal.lead_clocks as c on c.lead_id = h.lead_id and c.user_id = h.user_id
      join public.protection_policies as p on p.policy = c.policy and p.version = c.policy_version
     where h.start_at <= p_at and c.ended_at is null
$$;
comment on function internal.count_holds(timestamptz) is
    'Holds, open or with a planned end, that stop a running protection at p_at; overrun: those of them longer than max_hold.';
revoke all on function internal.count_holds(timestamptz) from public;
grant execute on function internal.count_holds(timestamptz) to lead_operations, grafana_reader;
