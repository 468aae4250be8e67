-- What a mail tells of each of its reminders, as of this moment: until it goes out deadlines move, leads are
-- called, handed over or put on hold, and the mail must be right when it is read.
create or replace function internal.mail_content(p_mail_id bigint) returns jsonb
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
    select coalesce(
               jsonb_agg(
                   jsonb_build_object(
                       'reminder_id', r.id,
                       'reminder_type', r.reminder_type,
                       'lead_id', r.lead_id,
                       'company_name', l.company_name,
                       'city', l.city,
                       'is_due', c.user_id = r.user_id and exists (
                           select from internal.due_reminders(c, now()) as d
                            where d.reminder_type = r.reminder_type and d.window_start = r.window_start
                       ),
                       'state', case when c.user_id = r.user_id then v.state else 'TRANSFERRED' end,
                       'is_on_hold', v.clock_stopped_since is not null,
                       'expires_at', e.expires_at,
                       'base_expires_at', v.base_expires_at,
                       'days_remaining', timezone(p.time_zone, e.expires_at)::date
                           - timezone(p.time_zone, now())::date,
                       'idle_days', timezone(p.time_zone, now())::date
                           - timezone(p.time_zone, a.anchor)::date,
                       'last_qualified_activity_at', v.last_qualified_activity_at,
                       'protection_started_at', v.protection_started_at,
                       'time_zone', p.time_zone
                   )
                   order by e.expires_at, r.lead_id
               ),
               '[]'
           )
      from public.mail_message_reminders as x
      join public.lead_reminders as r on r.id = x.reminder_id
      join public.leads as l on l.id = r.lead_id
      join internal.lead_clocks as c on c.lead_id = r.lead_id
      join public.protection_policies as p on p.policy = c.policy and p.version = c.policy_version
     cross join lateral internal.protection_row(c, now()) as v
     cross join lateral (values (
         case r.reminder_type when 'TERM' then v.base_expires_at else v.protection_expires_at end
     )) as e (expires_at)
     cross join lateral (values (coalesce(v.last_qualified_activity_at, v.protection_started_at))) as a (anchor)
     where x.mail_id = p_mail_id
$$;
comment on function internal.mail_content(bigint) is
    'The reminders of a mail as it is to tell of them now, by deadline: lead, deadline, days left, whether still due (else state says why not).';
revoke all on function internal.mail_content(bigint) from public;
