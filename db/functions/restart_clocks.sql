-- New qualified activities of many leads. Nearly all restart their lead's clock and no more (restarts_plainly): these
-- rows are updated in one statement, in place. The others are followed one by one.
create or replace function internal.restart_clocks(
    p_lead_ids bigint[],
    p_user_ids bigint[],
    p_first_at timestamptz[],
    p_last_at timestamptz[],
    p_counts bigint[]
) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
set enable_hashjoin = off -- would read all clocks for some thousands
set enable_mergejoin = off
set jit = off -- and what is avoided, yet must be done, looks dear enough to compile
as $$
declare
    v_other record;
    v_uncounted bigint := 0;
begin
    for v_other in
        with touched as materialized (
            select * from unnest(p_lead_ids, p_user_ids, p_first_at, p_last_at, p_counts)
                as k (lead_id, user_id, first_at, last_at, counts)
        ), restarted as (
            update internal.lead_clocks as c
               set last_qualified_activity_at = k.last_at,
                   (reminder_due_at, grace_ends_at, protection_expires_at, steady_until, next_reminder_check_at) = (
                       select r.reminder_due_at, r.grace_ends_at, r.protection_expires_at, r.steady_until,
                              r.next_reminder_check_at
                         from internal.restarted_clock(c, k.last_at, p) as r
                   ),
                   facts_entered_at = greatest(c.facts_entered_at, now()),
                   reminder_known_at = null,
                   base_known_at = coalesce(c.base_known_at, c.facts_entered_at),
                   qualified_activities = c.qualified_activities + k.counts
              from touched as k, public.protection_policies as p
             where c.lead_id = k.lead_id and c.user_id = k.user_id
               and p.policy = c.policy and p.version = c.policy_version
               and internal.restarts_plainly(c, k.first_at, k.last_at)
            returning c.lead_id, c.user_id
        )
        -- Those that were not restarted: by a full join, which is never a nested loop in a plan that is kept from few
        -- leads to many.
        select k.lead_id, k.first_at, k.last_at, k.counts, c.user_id = k.user_id as is_owner,
               c.ended_at is not null as is_over
          from touched as k
          full join restarted as r on r.lead_id = k.lead_id and r.user_id = k.user_id
          left join lateral (
              select * from internal.lead_clocks as x where x.lead_id = k.lead_id offset 0
          ) as c on true
         where r.lead_id is null
         order by k.lead_id
    loop
        v_uncounted := v_uncounted + v_other.counts;
        if not v_other.is_owner or v_other.is_over then
            -- Also an activity that counts for nobody yet: a transaction that began earlier may hand its lead over.
            update internal.lead_clocks as c
               set facts_entered_at = now(),
                   reminder_known_at = coalesce(c.reminder_known_at, c.facts_entered_at),
                   base_known_at = coalesce(c.base_known_at, c.facts_entered_at)
             where c.lead_id = v_other.lead_id and c.facts_entered_at < now();
        end if;
        if v_other.is_owner then
            perform internal.follow_activities(v_other.lead_id, v_other.first_at, v_other.last_at);
        end if;
    end loop;
    if v_uncounted > 0 then
        perform internal.count_figure('lead_qualified_activity_total', p_amount => v_uncounted);
    end if;
end
$$;
comment on function internal.restart_clocks(bigint[], bigint[], timestamptz[], timestamptz[], bigint[]) is
    'Brings locked clocks in line with new qualified activities: an entry a lead and user, with the moments of the first and the last of them, and how many they are.';
revoke all on function internal.restart_clocks(
    bigint[], bigint[], timestamptz[], timestamptz[], bigint[]
) from public;
