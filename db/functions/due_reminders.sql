-- Which reminders are due at a moment: the dispatcher queues these, and what is queued but no longer
-- among these is withdrawn. None while a hold runs, after the end, or for a converted lead.
create or replace function internal.due_reminders(p_clocks internal.lead_clocks, p_at timestamptz)
returns table (reminder_type text, due_at timestamptz, window_start date)
language plpgsql
stable
rows 2
set search_path = pg_catalog, pg_temp
as $$
begin
    return query
        select d.reminder_type, d.due_at, timezone(p.time_zone, d.due_at)::date
          from internal.protection_row(p_clocks, p_at) as v
          join public.protection_policies as p on p.policy = p_clocks.policy and p.version = p_clocks.policy_version
         cross join lateral (values
             ('INACTIVITY', case when v.state = 'REMINDER_DUE' then v.reminder_due_at end),
             ('TERM', case
                 when v.state in ('PROTECTED', 'REMINDER_DUE', 'GRACE')
                     then internal.term_reminder_at(p_clocks.base_expires_at, p)
             end)
         ) as d (reminder_type, due_at)
         where d.due_at <= p_at
           and v.clock_stopped_since is null
           and not exists (
               select from public.leads as l where l.id = p_clocks.lead_id and l.converted_at is not null
           );
end
$$;
comment on function internal.due_reminders(internal.lead_clocks, timestamptz) is
    'The reminders due at p_at, queued or not: type, the moment it fell due, its window (local date).';
revoke all on function internal.due_reminders(internal.lead_clocks, timestamptz) from public;
