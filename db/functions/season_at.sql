-- The season decides how much load to expect and how full the machines may be; out of season there is an answer,
-- too. Months are those of the business zone; where two seasons meet, the heavier one counts.
-- security definer: who reads the view has no right on the tables.
create or replace function public.season_at(at timestamptz default now())
returns table (
    season text,
    is_peak boolean,
    load_multiplier numeric,
    app_utilisation numeric,
    worker_utilisation numeric,
    database_utilisation numeric,
    sample_success_target numeric,
    started_at timestamptz,
    ends_at timestamptz,
    next_season text,
    next_load_multiplier numeric,
    next_starts_at timestamptz
)
language sql
stable
security definer
rows 1
set search_path = pg_catalog, pg_temp
as $$
    with asked as materialized (
        select coalesce(internal.checked_moment(season_at.at, 'at', true), now()) as at,
               internal.business_time_zone() as zone
    ),

    turns as (
        select s.*,
               timezone(a.zone, make_timestamp(y.year, s.first_month, 1, 0, 0, 0)) as from_at,
               timezone(
                   a.zone, internal.season_end(s.first_month, s.last_month, y.year)::timestamp
               ) as until_at
          from asked as a
         cross join public.seasons as s
         cross join lateral (
               select extract(year from timezone(a.zone, a.at))::integer + d.n as year
                 from generate_series(-1, 1) as d (n)
               ) as y
    ),

    running as (
        select t.*
          from asked as a
          join turns as t on a.at >= t.from_at and a.at < t.until_at
         order by t.load_multiplier desc, t.season
         limit 1
    ),

    coming as (
        select t.*
          from asked as a
          join turns as t on t.from_at > a.at
         order by t.from_at, t.load_multiplier desc, t.season
         limit 1
    )

    select p.season, r.season is not null, p.load_multiplier, p.app_utilisation, p.worker_utilisation,
           p.database_utilisation, p.sample_success_target, r.from_at, r.until_at,
           c.season, c.load_multiplier, c.from_at
      from asked
      left join running as r on true
      left join coming as c on true
     cross join lateral internal.season_profile(r.season) as p
$$;
comment on function public.season_at(timestamptz) is
    'The season of a moment (null: now), or off-season with multiplier 1 and is_peak false, with its targets, its start and half-open end, and the next season. Errors: LP006.';
revoke all on function public.season_at(timestamptz) from public;
grant execute on function public.season_at(timestamptz) to lead_operations, lead_worker, lead_exporter, grafana_reader;
