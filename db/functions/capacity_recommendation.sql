-- What a season will need, from what an ordinary day needs, by Little's law: of λ·m requests a second that take W
-- seconds each, L = λ·m·W are at work at once. Every figure on the way stands in the rows.
-- security definer: reads seasons and settings.
create or replace function public.capacity_recommendation(
    baseline_rps double precision,
    p95_service_seconds double precision default null,
    season text default null,
    load_multiplier double precision default null,
    slots_per_instance double precision default null,
    instance_rps double precision default null,
    app_utilisation double precision default null,
    worker_utilisation double precision default null,
    database_utilisation double precision default null,
    jobs_per_request double precision default 1,
    job_seconds double precision default null,
    database_seconds double precision default null,
    connection_reserve double precision default 0.15,
    hours double precision default null
) returns table (
    component text,
    arrival_rate numeric,
    service_seconds numeric,
    concurrency numeric,
    slots numeric,
    target_utilisation numeric,
    recommended bigint,
    unit text,
    estimated_cost_eur numeric,
    formula text
)
language sql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
    -- The bounds of all figures together keep every count below what a bigint holds.
    with asked as materialized (
        select p.season, p.first_month, p.last_month,
               internal.checked_figure(coalesce(baseline_rps, 'NaN'), 'baseline_rps', 1000000) as baseline,
               coalesce(internal.checked_figure(capacity_recommendation.load_multiplier, 'load_multiplier', 1000),
                        p.load_multiplier) as multiplier,
               internal.checked_figure(
                   coalesce(
                       p95_service_seconds,
                       1 / internal.checked_figure(instance_rps, 'instance_rps', 1000000000), 'NaN'
                   ), 'p95_service_seconds', 3600
               ) as seconds,
               internal.checked_figure(slots_per_instance, 'slots_per_instance', 1000000, 0.01) as slots,
               instance_rps::numeric as instance_rps,
               coalesce(internal.checked_figure(capacity_recommendation.app_utilisation, 'app_utilisation', 1, 0.01),
                        p.app_utilisation) as app_utilisation,
               coalesce(internal.checked_figure(
                   capacity_recommendation.worker_utilisation, 'worker_utilisation', 1, 0.01
               ), p.worker_utilisation) as worker_utilisation,
               coalesce(internal.checked_figure(
                   capacity_recommendation.database_utilisation, 'database_utilisation', 1, 0.01
               ), p.database_utilisation) as database_utilisation,
               internal.checked_figure(coalesce(jobs_per_request, 1), 'jobs_per_request', 1000) as jobs,
               internal.checked_figure(job_seconds, 'job_seconds', 3600) as job_seconds,
               internal.checked_figure(database_seconds, 'database_seconds', 3600) as database_seconds,
               internal.checked_figure(coalesce(connection_reserve, 0.15), 'connection_reserve', 0.15, 0.10) as reserve,
               internal.checked_figure(hours, 'hours', 100000) as hours
          from public.season_at(now()) as n
         cross join lateral internal.season_profile(
               -- Not named: the one that runs, else the one that comes.
               coalesce(capacity_recommendation.season, case when n.is_peak then n.season else n.next_season end)
               ) as p
    ),

    loads as (
        select a.*, a.baseline * a.multiplier as rate,
               a.baseline * a.multiplier * a.seconds as app_concurrency,
               coalesce(a.slots, a.instance_rps * a.seconds, 1) as app_slots,
               a.baseline * a.multiplier * a.jobs as job_rate,
               coalesce(a.job_seconds, a.seconds) as worker_seconds,
               coalesce(a.database_seconds, a.seconds) as connection_seconds,
               coalesce(a.hours, internal.season_hours(a.first_month, a.last_month)) as paid_hours
          from asked as a
    ),

    needs as (
        -- Rounded before it is rounded up: 1/6 of a second must not cost an instance more.
        select l.*,
               ceil(round(l.app_concurrency / (l.app_slots * l.app_utilisation), 6))::bigint as instances,
               ceil(round(l.job_rate * l.worker_seconds / l.worker_utilisation, 6))::bigint as workers,
               l.rate * l.connection_seconds as connection_concurrency
          from loads as l
    ),

    totals as (
        select n.*,
               ceil(round(
                   (n.connection_concurrency / n.database_utilisation + n.workers) * (1 + n.reserve), 6
               ))::bigint as connections,
               round(n.instances * n.paid_hours * internal.amount_setting('instance_eur_per_hour'), 2) as instance_cost,
               round(n.workers * n.paid_hours * internal.amount_setting('worker_eur_per_hour'), 2) as worker_cost
          from needs as n
    )

    select r.component, r.arrival_rate, r.service_seconds, r.concurrency, r.slots, r.target_utilisation, r.recommended,
           r.unit, r.cost, r.formula
      from totals as t
     cross join lateral (
           values
           (1, 'load', t.rate, null::numeric, null::numeric, null::numeric, null::numeric, null::bigint, 'requests/s',
            null::numeric,
            format('λ·m = %s · %s (%s)', internal.figure(t.baseline), internal.figure(t.multiplier), t.season)),
           (2, 'application', t.rate, t.seconds, t.app_concurrency, t.app_slots, t.app_utilisation, t.instances,
            'instances', t.instance_cost,
            format('L = λ·m·W = %s · %s = %s; ceil(L / (%s · %s))', internal.figure(t.rate), internal.figure(t.seconds),
                   internal.figure(t.app_concurrency), internal.figure(t.app_slots),
                   internal.figure(t.app_utilisation))),
           (3, 'workers', t.job_rate, t.worker_seconds, t.job_rate * t.worker_seconds, 1, t.worker_utilisation,
            t.workers, 'processes', t.worker_cost,
            format('L = %s · %s = %s; ceil(L / %s)', internal.figure(t.job_rate), internal.figure(t.worker_seconds),
                   internal.figure(t.job_rate * t.worker_seconds), internal.figure(t.worker_utilisation))),
           (4, 'database', t.rate, t.connection_seconds, t.connection_concurrency, 1, t.database_utilisation,
            t.connections, 'connections', null,
            format('L = %s · %s = %s; ceil((L / %s + %s workers) · %s)', internal.figure(t.rate),
                   internal.figure(t.connection_seconds), internal.figure(t.connection_concurrency),
                   internal.figure(t.database_utilisation), t.workers, internal.figure(1 + t.reserve))),
           (5, 'total', null, null, null, null, null, null, 'EUR', t.instance_cost + t.worker_cost,
            format('%s hours: %s instances, %s workers', internal.figure(t.paid_hours), t.instances, t.workers))
           ) as r (
               step, component, arrival_rate, service_seconds, concurrency, slots, target_utilisation, recommended,
               unit, cost, formula
           )
     order by r.step
$$;
comment on function public.capacity_recommendation(
    double precision, double precision, text, double precision, double precision, double precision, double precision,
    double precision, double precision, double precision, double precision, double precision, double precision,
    double precision
) is
    'Pre-provisioning by Little''s law, a row each: load, application, workers, database, total. baseline_rps: requests a second measured on an ordinary day; p95_service_seconds: how long one takes (not given: 1 / instance_rps); season: not named, the one that runs or comes next, with its load_multiplier and utilisations unless others are given; slots_per_instance: requests an instance handles at once (else instance_rps · p95_service_seconds, else 1); instance_rps: requests a second it sustains; jobs_per_request, job_seconds: work left to the workers; database_seconds: how long a request holds a connection (not given: all along); connection_reserve: 0.10 to 0.15; hours: what is paid for (not given: the season). Prices: settings instance_eur_per_hour, worker_eur_per_hour. Errors: LP036 unusable figure, LP037 unknown season.';
revoke all on function public.capacity_recommendation(
    double precision, double precision, text, double precision, double precision, double precision, double precision,
    double precision, double precision, double precision, double precision, double precision, double precision,
    double precision
) from public;
grant execute on function public.capacity_recommendation(
    double precision, double precision, text, double precision, double precision, double precision, double precision,
    double precision, double precision, double precision, double precision, double precision, double precision,
    double precision
) to lead_operations;
