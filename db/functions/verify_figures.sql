-- The self-check of the figures. Facts move on while the snapshot stands still: so it is compared what a refresh
-- would come to at this moment, and the snapshot itself where it is of this very moment.
-- security definer: readers have no right on the machinery.
create or replace function public.verify_figures()
returns table (figure text, label text, counted double precision, recounted double precision)
language sql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
    with recounted as materialized (
        select r.figure, r.label_1, r.value, r.is_counter from internal.recount_figures(now()) as r
    ),

    gauges as materialized (
        select g.figure, g.label_1, g.value from internal.count_gauges(now()) as g
    ),

    counters as materialized (
        select c.figure, c.label_1, c.amount::double precision as value from internal.figure_counters as c
         union all
        select h.figure, h.label_1, h.count from internal.figure_histograms as h
         union all
        select d.figure, internal.label_value(d.label_1), d.amount from internal.figure_deltas as d
         union all
        select 'lead_qualified_activity_total', '', g.value
          from gauges as g
         where g.figure = 'lead_qualified_activity_live'
    )

    select r.figure, r.label_1, g.value, r.value
      from recounted as r
      left join gauges as g on g.figure = r.figure and g.label_1 = r.label_1
     where not r.is_counter and g.value is distinct from r.value
     union all
    select r.figure, r.label_1, s.value, r.value
      from recounted as r
      join internal.figure_snapshot as t on t.taken_at = now()
      left join internal.figure_gauges as s on s.figure = r.figure and s.label_1 = r.label_1
     where not r.is_counter and s.value is distinct from r.value
     union all
    select r.figure, r.label_1, c.value, r.value
      from recounted as r
     cross join lateral (
           select coalesce(sum(x.value), 0) as value
             from counters as x
            where x.figure = r.figure and x.label_1 = coalesce(r.label_1, x.label_1)
           ) as c
     where r.is_counter and c.value < r.value
     union all
    -- A histogram's parts belong together.
    select h.figure, h.label_1, h.count, h.counts[cardinality(h.counts)]
      from internal.figure_histograms as h
      left join internal.figure_kinds as k on k.figure = h.figure
     where h.counts[cardinality(h.counts)] > h.count
        or cardinality(h.counts) is distinct from cardinality(k.bounds)
$$;
comment on function public.verify_figures() is
    'Where the figures part from a plain recount of the facts: gauges that differ, counters lower than what the tables still show. No rows: all is right.';
revoke all on function public.verify_figures() from public;
grant execute on function public.verify_figures() to lead_operations, lead_worker;
