-- Whether the peaks have been rehearsed: of each season the latest rehearsal at its load, or above. A server changes,
-- so one of a year ago shows nothing, nor does a load that is over before anything can pile up.
create or replace function internal.measure_peak_performance() returns setof internal.go_live_measurement
language sql
stable
rows 1
set search_path = pg_catalog, pg_temp
as $$
    select 'peak_performance', 'each season''s load rehearsed in 90 days, for a minute, every threshold kept', r.carried,
           'seasons',
           r.rehearsed > 0, r.carried = r.seasons,
           format('%s of %s seasons, not: %s', r.carried, r.seasons, coalesce(r.missing, 'none'))
      from (
           select count(*) as seasons, count(x.passed) as rehearsed, count(*) filter (where x.passed) as carried,
                  string_agg(s.season, ', ' order by s.first_month) filter (where x.passed is not true) as missing
             from public.seasons as s
             left join lateral (
                  select h.passed
                    from public.rehearsals as h
                   where h.load_multiplier >= s.load_multiplier
                     and h.seconds >= 60
                     and h.rehearsed_at > now() - interval '2160 hours' -- 90 days
                   order by h.rehearsed_at desc, h.id desc
                   limit 1
                  ) as x on true
           ) as r
$$;
comment on function internal.measure_peak_performance() is
    'The criterion peak_performance of go-live: met where the latest rehearsal of every season''s load has passed.';
revoke all on function internal.measure_peak_performance() from public;
