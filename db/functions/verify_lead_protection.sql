-- The self-check: what is stored against what the facts come to, lead by lead. The two checks that drive
-- the sweeps may lie earlier than computed (they are lazy), never later.
-- security definer: readers have no right on the machinery.
create or replace function public.verify_lead_protection(lead_id bigint default null)
returns setof public.protection_difference
language sql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
    select l.id, d.difference, d.stored, d.computed
      from public.leads as l
      left join internal.lead_clocks as c on c.lead_id = l.id
      left join lateral internal.clocks_at(l.id, now()) as e on true
     cross join lateral (
         select 'clocks' as difference, c.lead_id::text as stored, e.lead_id::text as computed
          where (c.lead_id is null) <> (e.lead_id is null) or c.lead_id is null
         union all
         select 'user_id', c.user_id::text, l.user_id::text
          where c.user_id <> l.user_id
         union all
         select s.key, s.value, x.value
           from internal.protection_row(e, now()) as r
          cross join lateral jsonb_each_text(to_jsonb(r)) as x
           join public.v_user_lead_protection as v on v.id = l.id
           join lateral jsonb_each_text(to_jsonb(v)) as s on s.key = x.key
          where s.value is distinct from x.value and e.lead_id is not null
         union all
         select 'period', c.period_id || ' ' || c.policy_version, e.period_id || ' ' || e.policy_version
          where (c.period_id, c.policy_version) <> (e.period_id, e.policy_version)
         union all
         select 'final_until', c.final_until::text, f.final_until::text
           from (
               select max(p.ended_at) as final_until
                 from public.lead_protection_periods as p
                where p.lead_id = l.id and p.recorded_at is not null
           ) as f
          where c.final_until is distinct from f.final_until and c.lead_id is not null
         union all
         select 'next_expiry_check_at', c.next_expiry_check_at::text, e.next_expiry_check_at::text
          where coalesce(c.next_expiry_check_at, 'infinity') > coalesce(e.next_expiry_check_at, 'infinity')
         union all
         select 'next_reminder_check_at', c.next_reminder_check_at::text, e.next_reminder_check_at::text
          where coalesce(c.next_reminder_check_at, 'infinity') > e.next_reminder_check_at
            and exists (
                select from internal.due_reminders(e, now()) as r
                 where not exists (
                     select from public.lead_reminders as q
                      where q.lead_id = l.id and q.user_id = e.user_id
                        and q.reminder_type = r.reminder_type and q.window_start = r.window_start
                 )
            )
     ) as d
     where verify_lead_protection.lead_id is null or l.id = verify_lead_protection.lead_id
$$;
comment on function public.verify_lead_protection(bigint) is
    'Differences between the stored clocks and their recomputation from the facts, a row each; of one lead, or of all (null). No rows: all is right.';
revoke all on function public.verify_lead_protection(bigint) from public;
grant execute on function public.verify_lead_protection(bigint) to lead_operations, lead_worker;
