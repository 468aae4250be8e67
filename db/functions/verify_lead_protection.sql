-- The self-check: what is stored against what the facts come to, lead by lead. Its parts are inlined.
-- security definer: readers have no right on the machinery.
-- In PL/pgSQL, which keeps its plan: making it takes longer than looking at one lead. Left to choose, it would make one
-- for each: of many leads a plan for any range looks dearer than a plan for one.
create or replace function public.verify_lead_protection(lead_id bigint default null)
returns setof public.protection_difference
language plpgsql
stable
security definer
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
set jit = off -- planned as for many leads, of which one is asked for: compiling takes longer than all the rest
as $$
begin
    return query
        select l.id, d.difference, d.stored, d.computed
          from public.leads as l
          left join internal.lead_clocks as c on c.lead_id = l.id
          left join lateral internal.clocks_at(l.id, greatest(now(), c.facts_entered_at)) as e on true
         cross join lateral (
             select 'clocks' as difference, c.lead_id::text as stored, e.lead_id::text as computed
              where (c.lead_id is null) <> (e.lead_id is null) or c.lead_id is null
             union all
             select 'user_id', c.user_id::text, l.user_id::text
              where c.user_id <> l.user_id
             union all
             select s.key, s.value, x.value
               from internal.protection_row(e, greatest(now(), c.facts_entered_at)) as r
              cross join lateral jsonb_each_text(to_jsonb(r)) as x
              cross join lateral (
                  select to_jsonb(v) as row from public.v_user_lead_protection as v
                   where v.id = l.id and c.facts_entered_at <= now()
                  union all
                  select to_jsonb(internal.protection_row(c, c.facts_entered_at)) where c.facts_entered_at > now()
              ) as v
              cross join lateral jsonb_each_text(v.row) as s
              where s.key = x.key and s.value is distinct from x.value and e.lead_id is not null
             union all
             select 'period', c.period_id || ' ' || c.policy_version, e.period_id || ' ' || e.policy_version
              where (c.period_id, c.policy_version) <> (e.period_id, e.policy_version)
             union all
             select 'last_held_until', c.last_held_until::text, e.last_held_until::text
              where c.ended_at is null and c.last_held_until is distinct from e.last_held_until
             union all
             select v.difference, v.stored, v.computed from internal.verify_next_checks(c, e) as v
             union all
             select v.difference, v.stored, v.computed from internal.verify_periods(l, c, e) as v
         ) as d
         where l.id >= coalesce(verify_lead_protection.lead_id, -9223372036854775808)
           and l.id <= coalesce(verify_lead_protection.lead_id, 9223372036854775807);
end
$$;
comment on function public.verify_lead_protection(bigint) is
    'Differences between the stored rows and their recomputation from the facts, a row each; of one lead, or of all (null). No rows: all is right.';
revoke all on function public.verify_lead_protection(bigint) from public;
grant execute on function public.verify_lead_protection(bigint) to lead_operations, lead_worker;
