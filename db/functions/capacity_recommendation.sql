-- What a season will need, from what an ordinary day needs; every figure on the way stands in the rows.
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
    select r.component, r.arrival_rate, r.service_seconds, r.concurrency, r.slots, r.target_utilisation, r.recommended,
           r.unit, r.cost, r.formula
      from internal.checked_capacity_figures(
           baseline_rps, p95_service_seconds, season, load_multiplier, slots_per_instance, instance_rps,
           app_utilisation, worker_utilisation, database_utilisation, jobs_per_request, job_seconds, database_seconds,
           connection_reserve, hours
           ) as f
     cross join lateral internal.size_application(f.rate, f.seconds, f.slots, f.app_utilisation, f.paid_hours) as a
     cross join lateral internal.size_workers(f.job_rate, f.job_seconds, f.worker_utilisation, f.paid_hours) as w
     cross join lateral internal.size_database(
           f.rate, f.database_seconds, f.database_utilisation, w.workers, f.reserve
           ) as d
     cross join lateral (
           values
           (1, 'load', f.rate, null, null, null, null, null, 'requests/s', null,
            format('λ·m = %s · %s (%s)', internal.figure(f.baseline), internal.figure(f.multiplier), f.season)),
           (2, 'application', f.rate, f.seconds, a.concurrency, f.slots, f.app_utilisation, a.instances, 'instances',
            a.cost, a.formula),
           (3, 'workers', f.job_rate, f.job_seconds, w.concurrency, 1, f.worker_utilisation, w.workers, 'processes',
            w.cost, w.formula),
           (4, 'database', f.rate, f.database_seconds, d.concurrency, 1, f.database_utilisation, d.connections,
            'connections', null, d.formula),
           (5, 'total', null, null, null, null, null, null, 'EUR', a.cost + w.cost,
            format('%s hours: %s instances, %s workers', internal.figure(f.paid_hours), a.instances, w.workers))
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
