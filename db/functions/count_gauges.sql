-- Everything that goes up and down, counted at one moment: which function counts what, and as which figure it is told.
create or replace function internal.count_gauges(p_at timestamptz)
returns table (figure text, label_1 text, label_2 text, value double precision)
language sql
stable
set search_path = pg_catalog, pg_temp
set jit = off -- for all that it calls: compiling would take longer than counting
as $$
    -- What several figures come from is counted once.
    with states as materialized (
        select s.protected, s.reminder_due, s.grace, s.expired, s.converted, s.qualified_activities
          from internal.count_states(p_at) as s
    ),

    holds as materialized (
        select h.active, h.overrun from internal.count_holds(p_at) as h
    ),

    reminders as materialized (
        select r.pending, r.oldest_since from internal.count_unsent_reminders(p_at) as r
    ),

    costs as materialized (
        select c.team, c.time_window, c.cost_per_lead, c.budget from internal.label_costs(p_at) as c
    )

    select 'lead_protection_state', v.state, '', v.leads
      from states as s
     cross join lateral (
           values ('PROTECTED', s.protected), ('REMINDER_DUE', s.reminder_due), ('GRACE', s.grace),
                  ('EXPIRED', s.expired), ('CONVERTED', s.converted)
           ) as v (state, leads)
     union all
    select 'lead_protection_state_by_user', u.label, u.state, u.leads from internal.count_states_by_user(p_at) as u
     union all
    select 'lead_qualified_activity_live', '', '', s.qualified_activities from states as s
     union all
    select 'lead_holds_active', '', '', h.active from holds as h
     union all
    select 'lead_holds_overrun', '', '', h.overrun from holds as h
     union all
    select 'lead_reminders_pending', '', '', r.pending from reminders as r
     union all
    select 'lead_reminder_oldest_since', '', '', extract(epoch from r.oldest_since)
      from reminders as r
     where r.oldest_since is not null
     union all
    select 'finops_cost_per_lead', c.team, c.time_window, c.cost_per_lead from costs as c
     union all
    select 'finops_cost_per_lead_budget', c.team, c.time_window, c.budget from costs as c where c.budget is not null
$$;
comment on function internal.count_gauges(timestamptz) is
    'The gauges of the snapshot as of p_at, by the facts entered until now.';
revoke all on function internal.count_gauges(timestamptz) from public;
