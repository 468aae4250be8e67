-- Does the work get done? Figures as of now; each row says from when on somebody should look.
create or replace function internal.inspect_work() returns setof public.readiness_finding
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
    select 'outbox',
           case when o.lag > interval '1 hour' then 'FAIL' when o.lag > interval '10 minutes' then 'WARN' else 'OK' end,
           format('%s pending, the oldest for %s s', o.pending, coalesce(round(extract(epoch from o.lag)), 0)),
           case when o.lag > interval '10 minutes' then 'Run leadguard publish; see its last run in job_runs.' end
      from (select count(*) as pending, now() - min(x.created_at) as lag from public.outbox as x) as o
     union all
    select 'dead letters', case when d.dead > 0 then 'FAIL' else 'OK' end,
           format('%s, the last one: %s', d.dead, coalesce(d.last_error, 'none')),
           case when d.dead > 0 then 'See leadguard outbox list --state dead; then replay or discard them.' end
      from (
          select count(*) as dead,
                 (select x.last_error from public.outbox_dead_letters as x order by x.dead_lettered_at desc limit 1)
            from public.outbox_dead_letters as l
      ) as d (dead, last_error)
     union all
    select j.what, j.status, j.evidence, j.what_to_do from internal.inspect_jobs() as j
     union all
    select 'reminders in time',
           case when r.late > 0 then 'FAIL' else 'OK' end,
           format('%s queued, %s of them not sent in time', r.queued, r.late),
           case when r.late > 0 then 'Run leadguard publish with a sink that proves delivery (and leadguard mail, where mail is configured), or see the setting reminder_proof.' end
      from (
          select count(*) as queued, internal.count_overdue_reminders('-infinity', now()) as late
            from public.lead_reminders as x
           where x.sent_at is null
      ) as r
     union all
    select 'proof of reminders', case when s.value = 'broker' then 'OK' else 'WARN' end, 'reminder_proof = ' || s.value,
           case when s.value <> 'broker' then 'Grace then starts without a proven warning: right for a demo only.' end
      from public.settings as s
     where s.name = 'reminder_proof'
     union all
    select 'archive partitions',
           case
               when coalesce(a.until <= now(), true) then 'FAIL'
               when a.until < now() + interval '720 hours' or d.is_used then 'WARN'
               else 'OK'
           end,
           coalesce('made until ' || to_char(timezone('UTC', a.until), 'YYYY-MM-DD'), 'there is none')
           || case when d.is_used then ', and events lie in the default partition' else '' end,
           case
               when coalesce(a.until, now()) < now() + interval '720 hours' or d.is_used
                   then 'Run leadguard maintain.'
           end
      from (
          select max(substring(pg_get_expr(c.relpartbound, c.oid) from 'TO [(]''([^'']+)''[)]')::timestamptz) as until
            from pg_inherits as i
            join pg_class as c on c.oid = i.inhrelid
           where i.inhparent = 'public.outbox_archive'::regclass
      ) as a
     cross join (select exists (select from internal.outbox_archive_default) as is_used) as d
$$;
comment on function internal.inspect_work() is
    'Findings on the outbox, the jobs, the reminders and the archive, as of now.';
revoke all on function internal.inspect_work() from public;
