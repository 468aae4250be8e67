-- The self-check: what is stored against what the facts come to, lead by lead. What drives the sweeps may
-- lie earlier than computed (they are lazy), never later.
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
             select 'steady_until', c.steady_until::text, e.steady_until::text
              where c.steady_until > greatest(e.steady_until, now())
             union all
             select 'next_expiry_check_at', c.next_expiry_check_at::text, e.next_expiry_check_at::text
              where coalesce(c.next_expiry_check_at, 'infinity') > coalesce(e.next_expiry_check_at, 'infinity')
             union all
             select 'next_reminder_check_at', c.next_reminder_check_at::text, n.at::text
               from public.protection_policies as p
              cross join lateral internal.next_reminder_at(e, p, now()) as n (at)
              where p.policy = e.policy and p.version = e.policy_version
                and e.next_reminder_check_at is not null
                and coalesce(c.next_reminder_check_at, 'infinity') > n.at
             union all
             select 'next_reminder_check_at', c.next_reminder_check_at::text, r.due_at::text
               from internal.due_reminders(e, now()) as r
              where coalesce(c.next_reminder_check_at, 'infinity') > now()
                and not exists (
                    select from public.lead_reminders as q
                     where q.lead_id = l.id and q.user_id = e.user_id
                       and q.reminder_type = r.reminder_type and q.window_start = r.window_start
                )
             union all
             select 'final_until', c.final_until::text, f.final_until::text
               from (
                   select max(p.ended_at) as final_until
                     from public.lead_protection_periods as p
                    where p.lead_id = l.id and p.recorded_at is not null
               ) as f
              where c.final_until is distinct from f.final_until and c.lead_id is not null
             union all
             select 'ended_at', p.ended_at || ' ' || p.end_reason, x.protection_expires_at || ' ' || x.end_reason
               from public.lead_protection_periods as p
              cross join lateral internal.expiry_of(p) as x
              where p.lead_id = l.id and p.recorded_at is not null
                and (p.ended_at, p.end_reason) is distinct from (x.protection_expires_at, x.end_reason)
             union all
             select 'created_at', p.started_at::text, l.created_at::text
               from public.lead_protection_periods as p
              where p.id = c.period_id and p.start_reason = 'REGISTERED' and p.ended_at is null
                and p.started_at <> l.created_at
             union all
             select 'converted_at', p.ended_at::text, l.converted_at::text
               from public.lead_protection_periods as p
              where p.id = c.period_id
                and (
                    p.end_reason = 'CONVERTED' and l.converted_at is distinct from p.ended_at
                    or p.ended_at is null and l.converted_at >= p.started_at and e.state <> 'EXPIRED'
                )
         ) as d
         where l.id >= coalesce(verify_lead_protection.lead_id, -9223372036854775808)
           and l.id <= coalesce(verify_lead_protection.lead_id, 9223372036854775807);
end
$$;
comment on function public.verify_lead_protection(bigint) is
    'Differences between the stored rows and their recomputation from the facts, a row each; of one lead, or of all (null). No rows: all is right.';
revoke all on function public.verify_lead_protection(bigint) from public;
grant execute on function public.verify_lead_protection(bigint) to lead_operations, lead_worker;
