-- How many workers carry the jobs that requests leave to them, by Little's law: a worker does one at a time.
create or replace function internal.size_workers(
    p_rate numeric,
    p_seconds numeric,
    p_utilisation numeric,
    p_hours numeric,
    out concurrency numeric,
    out workers bigint,
    out cost numeric,
    out formula text
)
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
    select l.concurrency, n.workers, round(n.workers * p_hours * internal.amount_setting('worker_eur_per_hour'), 2),
           format('L = %s · %s = %s; ceil(L / %s)', internal.figure(p_rate), internal.figure(p_seconds),
                  internal.figure(l.concurrency), internal.figure(p_utilisation))
      from (select p_rate * p_seconds as concurrency) as l
     cross join lateral (select internal.round_up(l.concurrency / p_utilisation) as workers) as n
$$;
comment on function internal.size_workers(numeric, numeric, numeric, numeric) is
    'Jobs at work at once, the workers that they take, what these cost in p_hours (null without the setting worker_eur_per_hour), and how that was reckoned.';
revoke all on function internal.size_workers(numeric, numeric, numeric, numeric) from public;
