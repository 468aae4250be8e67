-- What a lead costs, as series: names that people typed become labels, and these stay few. Whom nobody belongs to,
-- and who is one team too many, are told together.
create or replace function internal.label_costs(p_at timestamptz)
returns table (team text, time_window text, cost_per_lead numeric, budget numeric)
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
    select x.team, x.time_window, sum(x.cost_eur) / greatest(sum(x.new_leads), 1), max(x.budget_eur)
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
$$;
comment on function internal.label_costs(timestamptz) is
    'cost_per_lead(p_at) by label: all for the company, the teams, and other for those beyond setting figure_series_limit.';
revoke all on function internal.label_costs(timestamptz) from public;
