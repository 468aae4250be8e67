-- How many instances carry a load, by Little's law: of λ·m requests a second that take W seconds each, L = λ·m·W are at
-- work at once, and an instance takes so many at once as it has slots, filled to its target.
create or replace function internal.size_application(
    p_rate numeric,
    p_seconds numeric,
    p_slots numeric,
    p_utilisation numeric,
    p_hours numeric,
    out concurrency numeric,
    out instances bigint,
    out cost numeric,
    out formula text
)
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
    select l.concurrency, n.instances,
           round(n.instances * p_hours * internal.amount_setting('instance_eur_per_hour'), 2),
           format('L = λ·m·W = %s · %s = %s; ceil(L / (%s · %s))', internal.figure(p_rate), internal.figure(p_seconds),
                  internal.figure(l.concurrency), internal.figure(p_slots), internal.figure(p_utilisation))
      from (select p_rate * p_seconds as concurrency) as l
     cross join lateral (
           select internal.round_up(l.concurrency / (p_slots * p_utilisation)) as instances
           ) as n
$$;
comment on function internal.size_application(numeric, numeric, numeric, numeric, numeric) is
    'Requests at work at once, the instances that they take, what these cost in p_hours (null without the setting instance_eur_per_hour), and how that was reckoned.';
revoke all on function internal.size_application(numeric, numeric, numeric, numeric, numeric) from public;
