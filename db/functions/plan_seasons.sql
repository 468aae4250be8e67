-- Nobody has to think of it: each season's next turn has its calendar. One that runs is left alone, for what was not
-- planned before it began cannot be done before it any more.
-- security definer: the worker calls functions, it does not write tables.
create or replace function public.plan_seasons(at timestamptz default now()) returns integer
language sql
security definer
set search_path = pg_catalog, pg_temp
as $$
    with asked as materialized (
        select internal.business_day(plan_seasons.at) as today
    )

    select coalesce(sum(public.plan_season(
               s.season,
               extract(year from a.today)::integer
               + (make_date(extract(year from a.today)::integer, s.first_month, 1) <= a.today)::integer
           )), 0)::integer
      from asked as a
     cross join public.seasons as s
$$;
comment on function public.plan_seasons(timestamptz) is
    'Plans the next turn of every season, as of a moment (null: now); returns how many tasks were added, moved or withdrawn. Errors: LP006.';
revoke all on function public.plan_seasons(timestamptz) from public;
grant execute on function public.plan_seasons(timestamptz) to lead_worker, lead_operations;
