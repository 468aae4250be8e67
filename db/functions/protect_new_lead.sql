-- A registered lead is protected from its first moment: period, clocks and event in the same transaction.
-- A new lead has no facts yet, so its clock is plain. A row trigger: leads come in one by one, and three
-- small statements are cheaper then than one over a transition table.
-- security definer: Module 02 writes leads and nothing else.
create or replace function internal.protect_new_lead() returns trigger
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_policy_name constant text := (select u.policy from public.sales_users as u where u.user_id = new.user_id);
    v_policy public.protection_policies;
    v_period_id bigint;
    v_clocks internal.lead_clocks;
    v_row public.lead_protection;
begin
    select p.* into strict v_policy
      from internal.policy_in_force(v_policy_name, new.created_at) as p;
    insert into public.lead_protection_periods (lead_id, user_id, policy, policy_version, started_at)
    values (new.id, new.user_id, v_policy.policy, v_policy.version, new.created_at)
    returning id into strict v_period_id;

    v_clocks.base_expires_at := internal.add_local(new.created_at, v_policy.base_term, v_policy.time_zone);
    insert into internal.lead_clocks (
        lead_id, user_id, period_id, policy, policy_version, started_at, state, base_expires_at,
        reminder_due_at, grace_ends_at, protection_expires_at, steady_until,
        next_expiry_check_at, next_reminder_check_at
    )
    select new.id, new.user_id, v_period_id, v_policy.policy, v_policy.version, new.created_at, 'PROTECTED',
           v_clocks.base_expires_at,
           c.reminder_due_at, c.grace_ends_at, c.protection_expires_at, c.steady_until,
           v_clocks.base_expires_at,
           least(c.steady_until, internal.term_reminder_at(v_clocks.base_expires_at, v_policy))
      from internal.plain_clock(
               new.created_at, v_clocks.base_expires_at,
               v_policy.activity_interval, v_policy.grace_period, v_policy.time_zone
           ) as c
    returning * into strict v_clocks;

    if now() < v_clocks.steady_until then
        v_row.lead_id := new.id;
        v_row.user_id := new.user_id;
        v_row.state := v_clocks.state;
        v_row.protection_expires_at := v_clocks.protection_expires_at;
    else
        -- One registered late may be past its first deadlines by now.
        v_row := internal.protection_row(v_clocks, now());
    end if;
    perform internal.write_event('lead.protection.activated', new.created_at, v_row, null);
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
