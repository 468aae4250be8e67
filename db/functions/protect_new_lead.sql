-- A registered lead is protected from its first moment: period, clocks and event in the same transaction.
-- A new lead has no facts yet, so its clock is plain (plain_clock), but for activities that the same statement has
-- entered: what a WITH query writes may come before what it depends on. A row trigger: leads come in one by one, and
-- three small statements are cheaper then than one over a transition table; for the same reason each moment is computed
-- in a variable, which costs no plan of its own.
-- security definer: Module 02 writes leads and nothing else.
create or replace function internal.protect_new_lead() returns trigger
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    -- By itself: as part of the next statement PostgreSQL would plan that anew each time.
    v_policy_name constant text := (select u.policy from public.sales_users as u where u.user_id = new.user_id);
    v_policy public.protection_policies;
    v_period_id bigint;
    v_base_expires_at timestamptz;
    v_reminder_due_at timestamptz;
    v_grace_ends_at timestamptz;
    v_steady_until timestamptz;
    v_state text := 'PROTECTED';
    v_expires_at timestamptz;
    v_event_id constant uuid := gen_random_uuid();
begin
    select p.* into strict v_policy
      from internal.policy_in_force(v_policy_name, new.created_at) as p;
    insert into public.lead_protection_periods (lead_id, user_id, policy, policy_version, started_at)
    values (new.id, new.user_id, v_policy.policy, v_policy.version, new.created_at)
    returning id into strict v_period_id;

    v_base_expires_at := internal.add_local(new.created_at, v_policy.base_term, v_policy.time_zone);
    v_reminder_due_at := internal.add_local(new.created_at, v_policy.activity_interval, v_policy.time_zone);
    v_grace_ends_at := internal.add_local(v_reminder_due_at, v_policy.grace_period, v_policy.time_zone);
    v_steady_until := least(v_base_expires_at, v_reminder_due_at);
    v_expires_at := least(v_base_expires_at, v_grace_ends_at);
    insert into internal.lead_clocks (
        lead_id, user_id, period_id, policy, policy_version, started_at, state, base_expires_at,
        reminder_due_at, grace_ends_at, protection_expires_at, steady_until,
        next_expiry_check_at, next_reminder_check_at
    ) values (
        new.id, new.user_id, v_period_id, v_policy.policy, v_policy.version, new.created_at, v_state, v_base_expires_at,
        v_reminder_due_at, v_grace_ends_at, v_expires_at, v_steady_until,
        v_base_expires_at, least(v_steady_until, internal.term_reminder_at(v_base_expires_at, v_policy))
    );

    -- Told by count_new_activities: looking for them would be a query for every lead.
    if current_setting('leadguard.activities_before_lead', true) = 'on' then
        perform internal.store_clocks(internal.evaluate_period(p, now()))
           from public.lead_protection_periods as p
          where p.id = v_period_id;
        v_steady_until := '-infinity';
    end if;
    if now() >= v_steady_until then
        -- One registered late may be past its first deadlines by now.
        select r.state, r.protection_expires_at into strict v_state, v_expires_at
          from internal.lead_clocks as c
         cross join lateral internal.protection_row(c, now()) as r
         where c.lead_id = new.id and c.period_id = v_period_id;
    end if;
    insert into public.outbox (event_id, event_type, lead_id, user_id, payload)
    values (v_event_id, 'lead.protection.activated', new.id, new.user_id, internal.lead_event(
        v_event_id, 'lead.protection.activated', new.created_at, new.id, new.user_id, v_state, v_expires_at, null, '{}'
    ));
    if new.converted_at is not null then
        perform internal.apply_conversion(new.id, new.converted_at);
        perform internal.count_figure('lead_conversion_success_total');
    end if;
    return null;
end
$$;
comment on function internal.protect_new_lead() is
    'Trigger on leads: starts the first period of an inserted lead at its created_at.';
revoke all on function internal.protect_new_lead() from public;

create or replace trigger leads_protect after insert on public.leads
for each row execute function internal.protect_new_lead();
