-- What drives the sweeps may lie earlier than computed (they are lazy), never later. Inlined, so that the self-check
-- keeps one plan for all of a lead. Columns without a name would get one when a dump is restored.
create or replace function internal.verify_next_checks(p_stored internal.lead_clocks, p_computed internal.lead_clocks)
returns table (difference text, stored text, computed text)
language sql
stable
begin atomic
    select 'steady_until' as difference, (p_stored).steady_until::text, (p_computed).steady_until::text
     where (p_stored).steady_until > greatest((p_computed).steady_until, now())
     union all
    select 'next_expiry_check_at' as difference, (p_stored).next_expiry_check_at::text,
           (p_computed).next_expiry_check_at::text
     where coalesce((p_stored).next_expiry_check_at, 'infinity')
           > coalesce((p_computed).next_expiry_check_at, 'infinity')
     union all
    select 'next_reminder_check_at' as difference, (p_stored).next_reminder_check_at::text, n.at::text
      from public.protection_policies as p
     cross join lateral internal.next_reminder_at(p_computed, p, now()) as n (at)
     where p.policy = (p_computed).policy and p.version = (p_computed).policy_version
       and (p_computed).next_reminder_check_at is not null
       and coalesce((p_stored).next_reminder_check_at, 'infinity') > n.at
     union all
    -- One that is due and not queued is waited for by nobody.
    select 'next_reminder_check_at' as difference, (p_stored).next_reminder_check_at::text, r.due_at::text
      from internal.due_reminders(p_computed, now()) as r
     where coalesce((p_stored).next_reminder_check_at, 'infinity') > now()
       and not exists (
           select from public.lead_reminders as q
            where q.lead_id = (p_computed).lead_id and q.user_id = (p_computed).user_id
              and q.reminder_type = r.reminder_type and q.window_start = r.window_start
       );
end;
comment on function internal.verify_next_checks(internal.lead_clocks, internal.lead_clocks) is
    'Where the moments at which sweeps look at a lead, or until which nothing changes, lie later than its facts allow.';
revoke all on function internal.verify_next_checks(internal.lead_clocks, internal.lead_clocks) from public;
