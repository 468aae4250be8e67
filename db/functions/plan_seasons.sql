-- Nobody has to think of it: each season's next turn has its calendar. One that runs or is to be reviewed gets it where
-- it has none, as in a database that was made in its midst, and is left alone where it has: what was not planned before
-- it began cannot be done before it any more.
-- security definer: the worker calls functions, it does not write tables.
create or replace function public.plan_seasons(at timestamptz default now()) returns integer
language sql
security definer
set search_path = pg_catalog, pg_temp
as $$
    with asked as materialized (
        select internal.business_day(plan_seasons.at) as today
    ),

    turns as (
        select s.season, y.year, make_date(y.year, s.first_month, 1) as first_day,
               internal.season_end(s.first_month, s.last_month, y.year) - 1
               + (select greatest(max(t.offset_days), 0) from public.season_milestone_templates as t) as last_day
          from asked as a
         cross join public.seasons as s
         cross join lateral generate_series(
                   extract(year from a.today)::integer - 1, extract(year from a.today)::integer + 1) as y (year)
    ),

    wanted as (
        select t.season, min(t.year) as year
          from asked as a
          join turns as t on t.first_day > a.today
         group by t.season
         union all
        select t.season, t.year
          from asked as a
          join turns as t on t.first_day <= a.today and t.last_day >= a.today
         where not exists (
                   select from public.season_milestones as m where m.season = t.season and m.year = t.year)
    )

    select coalesce(sum(public.plan_season(w.season, w.year, plan_seasons.at)), 0)::integer from wanted as w
$$;
comment on function public.plan_seasons(timestamptz) is
    'Plans the next turn of every season, and the one that runs or is to be reviewed where it has no calendar, as of a moment (null: now); returns how many tasks were added, moved or withdrawn. Errors: LP006.';
revoke all on function public.plan_seasons(timestamptz) from public;
grant execute on function public.plan_seasons(timestamptz) to lead_worker, lead_operations;
