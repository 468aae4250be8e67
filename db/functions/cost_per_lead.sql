-- What a new lead costs, by team and for the whole company, in four windows that end at one moment: the one place
-- of that rule. A cost belongs to the team it names, else to its user's; shared cost goes to users by their share
-- of the new leads, and where there are none stays with the company. A lead counts for its user's team.
-- security definer: who reads the figures has no right on the tables.
create or replace function public.cost_per_lead(at timestamptz default now())
returns table (
    team text,
    time_window text,
    window_started_at timestamptz,
    cost_eur numeric,
    new_leads bigint,
    cost_per_lead_eur numeric,
    budget_eur numeric
)
language sql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
    with asked as materialized (
        select coalesce(internal.checked_moment(cost_per_lead.at, 'at', true), now()) as at
    ),

    windows as materialized (
        select w.time_window, w.n, a.at - w.length as started_at, a.at as ended_at
          from asked as a
         cross join (
               values ('1h', 1, interval '1 hour'), ('24h', 2, interval '24 hours'),
                      ('7d', 3, interval '168 hours'), ('30d', 4, interval '720 hours')
               ) as w (time_window, n, length)
    ),

    costs as (
        select w.n, c.team, c.is_shared, c.cost
          from windows as w
         cross join lateral (
               select coalesce(internal.team_name(e.team), internal.team_name(u.team)) as team,
                      e.user_id is null and e.team is null as is_shared,
                      sum(e.amount_eur) as cost
                 from public.cost_entries as e
                 left join public.sales_users as u on u.user_id = e.user_id
                where e.incurred_at > w.started_at and e.incurred_at <= w.ended_at
                group by 1, 2
               ) as c
    ),

    leads as (
        select w.n, l.team, l.leads
          from windows as w
         cross join lateral (
               select internal.team_name(u.team) as team, count(*) as leads
                 from public.leads as l
                 left join public.sales_users as u on u.user_id = l.user_id
                where l.created_at > w.started_at and l.created_at <= w.ended_at
                group by 1
               ) as l
    ),

    company as (
        select w.n,
               (select coalesce(sum(c.cost), 0) from costs as c where c.n = w.n) as cost,
               (select coalesce(sum(c.cost), 0) from costs as c where c.n = w.n and c.is_shared) as shared_cost,
               (select coalesce(sum(l.leads), 0)::bigint from leads as l where l.n = w.n) as leads
          from windows as w
    ),

    teams as (
        select internal.team_name(u.team) as team from public.sales_users as u
         union
        select c.team from costs as c
         union
        select l.team from leads as l
    ),

    scopes as (
        select y.n, null as team, y.cost, y.leads from company as y
         union all
        select y.n, t.team,
               coalesce(c.cost, 0) + y.shared_cost * coalesce(l.leads, 0) / greatest(y.leads, 1),
               coalesce(l.leads, 0)
          from teams as t
         cross join company as y
          left join costs as c on c.n = y.n and c.team = t.team
          left join leads as l on l.n = y.n and l.team = t.team
         where t.team is not null
    )

    select s.team, w.time_window, w.started_at, round(s.cost, 4), s.leads,
           round(s.cost / greatest(s.leads, 1), 4),
           internal.amount_setting('cost_per_lead_budget')
      from scopes as s
      join windows as w on w.n = s.n
     order by s.team nulls first, w.n
$$;
comment on function public.cost_per_lead(timestamptz) is
    'Cost per new lead in the windows (at - length, at] of 1h, 24h, 7d and 30d, for the company (team null) and each team: all cost of the scope / max(new leads, 1), with the budget (setting cost_per_lead_budget). Users without a team count for the company only. Errors: LP006.';
revoke all on function public.cost_per_lead(timestamptz) from public;
grant execute on function public.cost_per_lead(timestamptz) to lead_operations, grafana_reader;
