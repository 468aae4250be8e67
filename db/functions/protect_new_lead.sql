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
    v_period_id bigint;
    v_policy text;
    v_version integer;
    v_clocks internal.lead_clocks;
begin
    insert into public.lead_protection_periods (lead_id, user_id, policy, policy_version, started_at)
    select new.id, new.user_id, p.policy, p.version, new.created_at
      from internal.policy_in_force(
               (select u.policy from public.sales_users as u where u.user_id = new.user_id), new.created_at
           ) as p
    returning id, policy, policy_version into strict v_period_id, v_policy, v_version;

    insert into internal.lead_clocks (
        lead_id, user_id, period_id, policy, policy_version, started_at, state, base_expires_at,
        reminder_due_at, grace_ends_at, protection_expires_at, steady_until,
        next_expiry_check_at, next_reminder_check_at
    )
    select new.id, new.user_id, v_period_id, v_policy, v_version, new.created_at, 'PROTECTED', b.expires_at,
           c.reminder_due_at, c.grace_ends_at, c.protection_expires_at, c.steady_until,
           b.expires_at, least(c.steady_until, internal.term_reminder_at(b.expires_at, p))
      from public.protection_policies as p
     cross join lateral (
         select internal.add_local(new.created_at, p.base_term, p.time_zone) as expires_at
     ) as b
     cross join lateral internal.plain_clock(
         new.created_at, b.expires_at, p.activity_interval, p.grace_period, p.time_zone
     ) as c
     where p.policy = v_policy and p.version = v_version
    returning * into strict v_clocks;

    -- One registered late may be past its first deadlines by now.
    perform internal.write_event('lead.protection.activated', new.created_at, v, null)
       from internal.protection_row(v_clocks, now()) as v;
    if new.converted_at is not null then
        perform internal.apply_conversion(new.id, new.converted_at);
    end if;
    return null;
end
$$;
comment on function internal.protect_new_lead() is
    'Trigger on leads: starts the first period of an inserted lead at its created_at.';
revoke all on function internal.protect_new_lead() from public;

create or replace trigger leads_protect after insert on public.leads
for each row execute function internal.protect_new_lead();
