-- New activities, one or a hundred thousand in a statement. The usual one is newer than all that is known
-- of its lead and meets no hold, no reminder and no deadline: then the clock simply restarts there, and the
-- row is updated in place. Every other lead is computed anew from its facts.
-- security definer: Module 02 writes activities and nothing else.
create or replace function internal.count_new_activities() returns trigger
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
set enable_seqscan = off -- plans are cached: one made while the tables are small must not scan them later
as $$
declare
    v_other_leads bigint[];
    v_noted_leads bigint[];
    v_late boolean;
    v_other record;
begin
    with touched as materialized (
        select e.lead_id, e.user_id, min(e.occurred_at) as first_at, max(e.occurred_at) as last_at
          from entered as e
          join public.activity_types as t on t.activity_type = e.activity_type and t.is_qualified
         group by e.lead_id, e.user_id
    ), locked as materialized (
        select t.lead_id, t.last_at, c.policy, c.policy_version, c.base_expires_at,
               c.user_id = t.user_id as is_owner,
               t.first_at < c.final_until as is_late,
               c.state = 'PROTECTED'
               and t.first_at >= coalesce(c.last_qualified_activity_at, c.started_at)
               and t.last_at < c.base_expires_at
               and now() < c.reminder_due_at
               and c.reminder_sent_at is null
               and not c.has_queued_reminder
               and coalesce(c.last_held_until <= t.first_at, true) as is_plain
          from (select * from touched order by lead_id) as t
         cross join lateral (
             select * from internal.lead_clocks as x where x.lead_id = t.lead_id for update
         ) as c
    ), restarted as (
        update internal.lead_clocks as c
           set last_qualified_activity_at = l.last_at,
               reminder_due_at = k.reminder_due_at,
               grace_ends_at = k.grace_ends_at,
               protection_expires_at = k.protection_expires_at,
               steady_until = k.steady_until,
               next_reminder_check_at = coalesce(c.next_reminder_check_at, k.reminder_due_at),
               facts_entered_at = greatest(c.facts_entered_at, now())
          from locked as l
          join public.protection_policies as p on p.policy = l.policy and p.version = l.policy_version
         cross join lateral internal.plain_clock(
             l.last_at, l.base_expires_at, p.activity_interval, p.grace_period, p.time_zone
         ) as k
         where c.lead_id = l.lead_id and l.is_owner and l.is_plain
    )
    select array_agg(l.lead_id) filter (where l.is_owner and not l.is_plain),
           array_agg(l.lead_id) filter (where not (l.is_owner and l.is_plain)),
           bool_or(l.is_late)
      into v_other_leads, v_noted_leads, v_late
      from locked as l;

    if v_noted_leads is not null then
        -- Also an activity that counts for nobody yet: a transaction that began earlier may hand its lead over.
        update internal.lead_clocks as c
           set facts_entered_at = now()
         where c.lead_id = any (v_noted_leads) and c.facts_entered_at < now();
    end if;

    if v_late then
        update public.lead_activities as a
           set counts_from = internal.final_end(e.lead_id, e.user_id, e.occurred_at, e.occurred_at)
          from entered as e
          join internal.lead_clocks as c on c.lead_id = e.lead_id and e.occurred_at < c.final_until
         where a.id = e.id;
    end if;

    if v_other_leads is not null then
        for v_other in
            select e.lead_id, max(e.occurred_at) as last_at
              from entered as e
             where e.lead_id = any (v_other_leads)
             group by e.lead_id
             order by e.lead_id
        loop
            perform internal.refresh_lead(v_other.lead_id, v_other.last_at);
        end loop;
    end if;
    return null;
end
$$;
comment on function internal.count_new_activities() is
    'Trigger on lead_activities: brings the clocks of every touched lead in line with the activities entered.';
revoke all on function internal.count_new_activities() from public;

create or replace trigger lead_activities_count after insert on public.lead_activities
referencing new table as entered
for each statement execute function internal.count_new_activities();
