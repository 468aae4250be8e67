-- Everything that goes up and down, counted at one moment. One pass over the narrow table; the rest costs what is
-- open. Reminders that nobody has queued count as well: a dispatcher that is dead must not look like one that has
-- nothing to do. Of more than ten thousand of these the later ones are taken as due without a closer look.
create or replace function internal.count_gauges(p_at timestamptz)
returns table (figure text, label_1 text, label_2 text, value double precision)
language sql
stable
set search_path = pg_catalog, pg_temp
set jit = off -- it would compile for longer than the pass takes
as $$
    with states as materialized (
        select count(*) filter (where s.state = 'PROTECTED') as protected,
               count(*) filter (where s.state = 'REMINDER_DUE') as reminder_due,
               count(*) filter (where s.state = 'GRACE') as grace,
               count(*) filter (where s.state = 'EXPIRED') as expired,
               count(*) filter (where s.state = 'CONVERTED') as converted,
               coalesce(sum(s.qualified_activities), 0) as qualified_activities
          from (
               select internal.state_at(c, p_at) as state, c.qualified_activities
                 from internal.lead_clocks as c
               offset 0 -- each state once, not once a filter
               ) as s
    ),

    holds as materialized (
        select h.active, h.overrun from internal.count_holds(p_at) as h
    ),

    queued as materialized (
        select count(*) as reminders, min(greatest(r.due_at, r.known_at)) as since
          from public.lead_reminders as r
         where r.sent_at is null
    ),

    unqueued as materialized (
        select count(*) as reminders, min(greatest(d.due_at, (c.clocks).facts_entered_at)) as since
          from (
               select x as clocks
                 from internal.lead_clocks as x
                where x.next_reminder_check_at <= p_at
                order by x.next_reminder_check_at
                limit 10000
               ) as c
         cross join lateral internal.due_reminders(c.clocks, p_at) as d
         where not exists (
               select from public.lead_reminders as r
                where r.lead_id = (c.clocks).lead_id and r.user_id = (c.clocks).user_id
                  and r.reminder_type = d.reminder_type and r.window_start = d.window_start
               )
    ),

    unseen as materialized (
        select greatest(count(*) - 10000, 0) as leads
          from internal.lead_clocks as c
         where c.next_reminder_check_at <= p_at
    ),

    -- Only where an installation asks for it: this is a second pass, and a series for each user.
    user_limit as materialized (
        select s.value::integer as users from public.settings as s where s.name = 'user_series_limit'
    ),

    user_states as materialized (
        select c.user_id, internal.state_at(c, p_at) as state, count(*) as leads
          from internal.lead_clocks as c
         where (select l.users from user_limit as l) > 0
         group by c.user_id, 2
    ),

    user_places as (
        select u.user_id, row_number() over (order by sum(u.leads) desc, u.user_id) as place
          from user_states as u
         group by u.user_id
    ),

    users as (
        select case when p.place <= l.users then u.user_id::text else 'other' end as label, u.state,
               sum(u.leads) as leads
          from user_limit as l
         cross join user_states as u
          join user_places as p on p.user_id = u.user_id
         group by 1, u.state
    ),

    -- Whom nobody belongs to, and who is one team too many, are told together.
    costs as materialized (
        select x.team, x.time_window, sum(x.cost_eur) / greatest(sum(x.new_leads), 1) as cost_per_lead,
               max(x.budget_eur) as budget
          from (
               select case
                          when c.team is null then 'all'
                          when internal.label_value(c.team) in ('all', 'other') then 'other'
                          when dense_rank() over (order by c.team nulls first) > (
                              select s.value::integer from public.settings as s where s.name = 'figure_series_limit'
                          ) then 'other'
                          else internal.label_value(c.team)
                      end as team,
                      c.time_window, c.cost_eur, c.new_leads, c.budget_eur
                 from public.cost_per_lead(p_at) as c
               ) as x
         group by x.team, x.time_window
    )

    select 'lead_protection_state', v.state, '', v.leads
      from states as s
     cross join lateral (
           values ('PROTECTED', s.protected), ('REMINDER_DUE', s.reminder_due), ('GRACE', s.grace),
                  ('EXPIRED', s.expired), ('CONVERTED', s.converted)
           ) as v (state, leads)
     union all
    select 'lead_protection_state_by_user', u.label, u.state, u.leads from users as u
     union all
    select 'lead_qualified_activity_live', '', '', s.qualified_activities from states as s
     union all
    select 'lead_holds_active', '', '', h.active from holds as h
     union all
    select 'lead_holds_overrun', '', '', h.overrun from holds as h
     union all
    select 'lead_reminders_pending', '', '', q.reminders + u.reminders + n.leads
      from queued as q, unqueued as u, unseen as n
     union all
    select 'lead_reminder_oldest_since', '', '', extract(epoch from least(q.since, u.since))
      from queued as q, unqueued as u
     where q.since is not null or u.since is not null
     union all
    select 'finops_cost_per_lead', c.team, c.time_window, c.cost_per_lead from costs as c
     union all
    select 'finops_cost_per_lead_budget', c.team, c.time_window, c.budget from costs as c where c.budget is not null
$$;
comment on function internal.count_gauges(timestamptz) is
    'The gauges of the snapshot as of p_at, by the facts entered until now.';
revoke all on function internal.count_gauges(timestamptz) from public;
