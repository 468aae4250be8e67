-- New activities, one or a hundred thousand in a statement. The usual one restarts its lead's clock and no more
-- (restarts_plainly): the row is updated in place. Many, and whatever is more than that, go through restart_clocks.
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
    v_new record;
    v_known bigint;
    v_has_final boolean;
    v_enable_seqscan text;
begin
    -- One activity, the usual statement of a person's day: small queries instead of one large, and of many rows only
    -- the first is read here.
    select not exists (select from entered offset 1) and least(e.occurred_at, e.created_at) >= '2000-01-01 00:00+00',
           e.lead_id, e.user_id, e.activity_type, e.occurred_at
      into v_is_single, v_lead_id, v_user_id, v_activity_type, v_occurred_at
      from entered as e
     limit 1;
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
               reminder_known_at = null,
               base_known_at = coalesce(c.base_known_at, c.facts_entered_at),
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

    select bool_and(k.is_sane) as is_sane, array_agg(distinct k.lead_id) as leads,
           array_agg(k.lead_id) filter (where k.counts > 0) as lead_ids,
           array_agg(k.user_id) filter (where k.counts > 0) as user_ids,
           array_agg(k.first_at) filter (where k.counts > 0) as first_at,
           array_agg(k.last_at) filter (where k.counts > 0) as last_at,
           array_agg(k.counts) filter (where k.counts > 0) as counts
      into v_new
      from (
          select e.lead_id, e.user_id,
                 bool_and(
                     t.activity_type is not null and least(e.occurred_at, e.created_at) >= '2000-01-01 00:00+00'
                 ) as is_sane,
                 min(e.occurred_at) filter (where t.is_qualified) as first_at,
                 max(e.occurred_at) filter (where t.is_qualified) as last_at,
                 count(*) filter (where t.is_qualified) as counts
            from entered as e
            left join public.activity_types as t on t.activity_type = e.activity_type
           group by e.lead_id, e.user_id
           order by e.lead_id
      ) as k;
    -- Plans are cached: one made while the tables are small must not scan them later, once for each of many leads.
    v_enable_seqscan := current_setting('enable_seqscan');
    perform set_config('enable_seqscan', 'off', true);
    -- All leads before the first of the clocks: who waits for a lead holds no clocks that its deletion waits for.
    perform from public.leads as l where l.id = any (v_new.leads) order by l.id for key share;
    get diagnostics v_known = row_count;
    if not v_new.is_sane or v_known < cardinality(v_new.leads) then
        perform internal.checked_moment(e.occurred_at, 'occurred_at', false),
                internal.checked_moment(e.created_at, 'created_at', false)
           from entered as e;
        perform internal.refuse_unknown(e.lead_id, e.activity_type) from entered as e;
    end if;
    if v_new.lead_ids is not null then
        v_has_final := internal.lock_started_clocks(v_new.lead_ids);
        if v_has_final then
            update public.lead_activities as a
               set counts_from = internal.final_end(e.lead_id, e.user_id, e.occurred_at, e.occurred_at)
              from entered as e
              join internal.lead_clocks as c on c.lead_id = e.lead_id
             -- One condition: is_judged is asked of the late ones only, whatever the plan.
             where a.id = e.id and case when e.occurred_at < c.final_until then not internal.is_judged(a.id) end;
        end if;
        perform internal.restart_clocks(
            v_new.lead_ids, v_new.user_ids, v_new.first_at, v_new.last_at, v_new.counts
        );
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
