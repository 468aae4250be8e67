-- The figures that the capacity calculator goes by: what was asked, if it is usable, and where nothing was, what the
-- season or another figure says. The bounds of all of them together keep every count below what a bigint holds.
create or replace function internal.checked_capacity_figures(
    p_baseline_rps double precision,
    p_p95_service_seconds double precision,
    p_season text,
    p_load_multiplier double precision,
    p_slots_per_instance double precision,
    p_instance_rps double precision,
    p_app_utilisation double precision,
    p_worker_utilisation double precision,
    p_database_utilisation double precision,
    p_jobs_per_request double precision,
    p_job_seconds double precision,
    p_database_seconds double precision,
    p_connection_reserve double precision,
    p_hours double precision,
    out season text,
    out baseline numeric,
    out multiplier numeric,
    out rate numeric,
    out seconds numeric,
    out slots numeric,
    out app_utilisation numeric,
    out worker_utilisation numeric,
    out database_utilisation numeric,
    out job_rate numeric,
    out job_seconds numeric,
    out database_seconds numeric,
    out reserve numeric,
    out paid_hours numeric
)
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
    with asked as materialized (
        select p.season, p.first_month, p.last_month,
               internal.checked_figure(coalesce(p_baseline_rps, 'NaN'), 'baseline_rps', 1000000) as baseline,
               coalesce(internal.checked_figure(p_load_multiplier, 'load_multiplier', 1000), p.load_multiplier)
                   as multiplier,
               internal.checked_figure(
                   coalesce(
                       p_p95_service_seconds,
                       1 / internal.checked_figure(p_instance_rps, 'instance_rps', 1000000000), 'NaN'
                   ), 'p95_service_seconds', 3600
               ) as seconds,
               internal.checked_figure(p_instance_rps, 'instance_rps', 1000000000) as instance_rps,
               internal.checked_figure(p_slots_per_instance, 'slots_per_instance', 1000000, 0.01) as slots,
               coalesce(internal.checked_figure(p_app_utilisation, 'app_utilisation', 1, 0.01), p.app_utilisation)
                   as app_utilisation,
               coalesce(
                   internal.checked_figure(p_worker_utilisation, 'worker_utilisation', 1, 0.01), p.worker_utilisation
               ) as worker_utilisation,
               coalesce(
                   internal.checked_figure(p_database_utilisation, 'database_utilisation', 1, 0.01),
                   p.database_utilisation
               ) as database_utilisation,
               internal.checked_figure(coalesce(p_jobs_per_request, 1), 'jobs_per_request', 1000) as jobs,
               internal.checked_figure(p_job_seconds, 'job_seconds', 3600) as job_seconds,
               internal.checked_figure(p_database_seconds, 'database_seconds', 3600) as database_seconds,
               internal.checked_figure(coalesce(p_connection_reserve, 0.15), 'connection_reserve', 0.15, 0.10)
                   as reserve,
               internal.checked_figure(p_hours, 'hours', 100000) as hours
          from internal.choose_season(p_season) as p
    )

    select a.season, a.baseline, a.multiplier, a.baseline * a.multiplier, a.seconds,
           coalesce(a.slots, a.instance_rps * a.seconds, 1),
           a.app_utilisation, a.worker_utilisation, a.database_utilisation,
           a.baseline * a.multiplier * a.jobs, coalesce(a.job_seconds, a.seconds),
           coalesce(a.database_seconds, a.seconds), a.reserve,
           coalesce(a.hours, internal.season_hours(a.first_month, a.last_month))
      from asked as a
$$;
comment on function internal.checked_capacity_figures(
    double precision, double precision, text, double precision, double precision, double precision, double precision,
    double precision, double precision, double precision, double precision, double precision, double precision,
    double precision
) is
    'All figures that capacity_recommendation reckons with, none of them null: its arguments, checked and filled up, and what comes in by them (rate, job_rate). Errors: LP036 unusable figure, LP037 unknown season.';
revoke all on function internal.checked_capacity_figures(
    double precision, double precision, text, double precision, double precision, double precision, double precision,
    double precision, double precision, double precision, double precision, double precision, double precision,
    double precision
) from public;
