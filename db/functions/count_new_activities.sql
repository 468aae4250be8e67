-- New activities, one or a hundred thousand in a statement. The usual one restarts its lead's clock and no more
-- (restarts_plainly): the row is updated in place. Every other lead is computed anew from its facts.
-- security definer: Module 02 writes activities and nothing else.
create or replace function internal.count_new_activities() returns trigger
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_is_single boolean;
    v_lead_id bigint;
    v_user_id bigint;
    v_activity_type text;
    v_occurred_at timestamptz;
    v_other_leads bigint[];
    v_noted_leads bigint[];
    v_late boolean;
    v_before_lead boolean;
    v_sane boolean;
    v_missed boolean;
    v_uncounted bigint;
    v_other record;
    v_enable_seqscan text;
begin
    -- One activity, the usual statement of a person's day: small queries instead of one large, and of many rows only
    -- the first is read here.
    select not exists (select from entered offset 1) and least(e.occurred_at, e.created_at) >= '2000-01-01 00:00+00',
           e.lead_id, e.user_id, e.activity_type, e.occurred_at
      into v_is_single, v_lead_id, v_user_id, v_activity_type, v_occurred_at
      from entered as e;
    if v_is_single then
        perform from public.leads as l where l.id = v_lead_id for key share;
        update internal.lead_clocks as c
           set last_qualified_activity_at = v_occurred_at,
               (reminder_due_at, grace_ends_at, protection_expires_at, steady_until, next_reminder_check_at) = (
                   select k.reminder_due_at, k.grace_ends_at, k.protection_expires_at, k.steady_until,
                          k.next_reminder_check_at
                     from internal.restarted_clock(c, v_occurred_at, p) as k
               ),
               facts_entered_at = greatest(c.facts_entered_at, now()),
               qualified_activities = c.qualified_activities + 1
          from public.activity_types as t, public.protection_policies as p
         where c.lead_id = v_lead_id and c.user_id = v_user_id
           and t.activity_type = v_activity_type and t.is_qualified
           and p.policy = c.policy and p.version = c.policy_version
           and internal.restarts_plainly(c, v_occurred_at, v_occurred_at);
        if found then
            return null;
        end if;
    end if;

    -- Plans are cached: one made while the tables are small must not scan them later, once for each of many leads.
    v_enable_seqscan := current_setting('enable_seqscan');
    perform set_config('enable_seqscan', 'off', true);
    with touched as materialized (
        select e.lead_id, e.user_id,
               bool_and(
                   t.activity_type is not null and least(e.occurred_at, e.created_at) >= '2000-01-01 00:00+00'
               ) as is_sane,
               min(e.occurred_at) filter (where t.is_qualified) as first_at,
               max(e.occurred_at) filter (where t.is_qualified) as last_at,
               count(*) filter (where t.is_qualified) as qualified
          from entered as e
          left join public.activity_types as t on t.activity_type = e.activity_type
         group by e.lead_id, e.user_id
    ), known as materialized (
        -- All leads before the first of the clocks: who waits for a lead holds no clocks that its deletion waits for.
        select t.*, l.id
          from (select * from touched order by lead_id) as t
          left join lateral (
              select x.id from public.leads as x where x.id = t.lead_id for key share
          ) as l on true
    ), locked as materialized (
        select k.lead_id, k.last_at, k.qualified,
               k.id is not null and k.is_sane as is_sane,
               c.user_id = k.user_id as is_owner,
               c.ended_at is not null as is_over,
               k.first_at < c.final_until as is_late,
               k.id is not null and k.last_at is not null and c.lead_id is null as is_before_lead,
               internal.restarts_plainly(c, k.first_at, k.last_at) as is_plain
          -- To the end, before the first of them is joined.
          from (select * from known order by lead_id) as k
          left join lateral (
              -- In the key itself: a condition beside it would be a node of the plan, run for each lead.
              select * from internal.lead_clocks as x
               where x.lead_id = case when k.last_at is not null then k.id end
                 for update
          ) as c on true
    ), restarted as (
        update internal.lead_clocks as c
           set last_qualified_activity_at = l.last_at,
               (reminder_due_at, grace_ends_at, protection_expires_at, steady_until, next_reminder_check_at) = (
                   select k.reminder_due_at, k.grace_ends_at, k.protection_expires_at, k.steady_until,
                          k.next_reminder_check_at
                     from internal.restarted_clock(c, l.last_at, p) as k
               ),
               facts_entered_at = greatest(c.facts_entered_at, now()),
               qualified_activities = c.qualified_activities + l.qualified
          from locked as l, public.protection_policies as p
         where l.is_owner and l.is_plain
           and c.lead_id = l.lead_id
           and p.policy = c.policy and p.version = c.policy_version
        returning c.lead_id, l.qualified
    )
    select array_agg(l.lead_id) filter (where l.is_owner and not l.is_plain),
           array_agg(l.lead_id) filter (where not l.is_owner or l.is_over),
           bool_or(l.is_late), bool_or(l.is_before_lead), bool_and(l.is_sane),
           count(*) filter (where l.is_owner and l.is_plain) > (select count(*) from restarted),
           sum(l.qualified) - (select coalesce(sum(r.qualified), 0) from restarted as r)
      into v_other_leads, v_noted_leads, v_late, v_before_lead, v_sane, v_missed, v_uncounted
      from locked as l;

    if not v_sane then
        perform internal.checked_moment(e.occurred_at, 'occurred_at', false),
                internal.checked_moment(e.created_at, 'created_at', false)
           from entered as e;
        perform internal.refuse_unknown(e.lead_id, e.activity_type) from entered as e;
    end if;

    if v_before_lead then
        -- The statement writes the lead, too, and its protection has not started yet: protect_new_lead counts them.
        perform set_config('leadguard.activities_before_lead', 'on', true);
    end if;

    if v_uncounted > 0 then
        perform internal.count_figure('lead_qualified_activity_total', p_amount => v_uncounted);
    end if;

    if v_missed then
        -- Handed over while we waited, to a user of another policy: this statement had looked up the former one.
        v_other_leads := array(
            select distinct c.lead_id
              from entered as e
              join public.activity_types as t on t.activity_type = e.activity_type and t.is_qualified
              join internal.lead_clocks as c on c.lead_id = e.lead_id and c.user_id = e.user_id
        );
    end if;

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
          join internal.lead_clocks as c on c.lead_id = e.lead_id
         -- One condition: is_judged is asked of the late ones only, whatever the plan.
         where a.id = e.id and case when e.occurred_at < c.final_until then not internal.is_judged(a.id) end;
    end if;

    if v_other_leads is not null then
        for v_other in
            select e.lead_id, min(e.occurred_at) as first_at, max(e.occurred_at) as last_at
              from entered as e
              join public.activity_types as t on t.activity_type = e.activity_type and t.is_qualified
              join internal.lead_clocks as c on c.lead_id = e.lead_id and c.user_id = e.user_id
             where e.lead_id = any (v_other_leads)
             group by e.lead_id
             order by e.lead_id
        loop
            perform internal.follow_activities(v_other.lead_id, v_other.first_at, v_other.last_at);
        end loop;
    end if;
    perform set_config('enable_seqscan', v_enable_seqscan, true);
    return null;
end
$$;
comment on function internal.count_new_activities() is
    'Trigger on lead_activities: brings the clocks of every touched lead in line with the activities entered. Errors: LP001, LP006, LP008.';
revoke all on function internal.count_new_activities() from public;

create or replace trigger lead_activities_count after insert on public.lead_activities
referencing new table as entered
for each statement execute function internal.count_new_activities();
