-- How many connections the database has to take, by Little's law: those that requests hold at once, filled to the
-- target, one for each worker, and a reserve on top.
create or replace function internal.size_database(
    p_rate numeric,
    p_seconds numeric,
    p_utilisation numeric,
    p_workers bigint,
    p_reserve numeric,
    out concurrency numeric,
    out connections bigint,
    out formula text
)
language sql
immutable parallel safe
set search_path = pg_catalog, pg_temp
as $$
    select l.concurrency, internal.round_up((l.concurrency / p_utilisation + p_workers) * (1 + p_reserve)),
           format('L = %s · %s = %s; ceil((L / %s + %s workers) · %s)', internal.figure(p_rate),
                  internal.figure(p_seconds), internal.figure(l.concurrency), internal.figure(p_utilisation),
                  p_workers, internal.figure(1 + p_reserve))
      from (select p_rate * p_seconds as concurrency) as l
$$;
comment on function internal.size_database(numeric, numeric, numeric, bigint, numeric) is
    'Connections held by requests at once, the connections that the database has to take, and how that was reckoned.';
revoke all on function internal.size_database(numeric, numeric, numeric, bigint, numeric) from public;
