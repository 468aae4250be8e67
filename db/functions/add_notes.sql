-- What has happened since the last time goes on top of what was counted then. Whose labels have no series of their
-- own is counted as other, so that nothing is lost.
create or replace function internal.add_notes(p_notes internal.figure_deltas []) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
    with labelled as materialized (
        select n.figure, k.bounds, n.seconds, n.amount,
               case when o.has_own then n.label_1 else 'other' end as label_1,
               case when o.has_own or n.label_2 = '' then n.label_2 else 'other' end as label_2
          from unnest(p_notes) as n
          join internal.figure_kinds as k on k.figure = n.figure
          left join internal.figure_series as s
            on (s.family, s.label_1, s.label_2) = (k.family, n.label_1, n.label_2)
         cross join lateral (select k.family is null or s.family is not null as has_own) as o
    ),

    counters as (
        insert into internal.figure_counters as c (figure, label_1, label_2, amount)
        select l.figure, l.label_1, l.label_2, sum(l.amount)
          from labelled as l
         where l.bounds is null
         group by l.figure, l.label_1, l.label_2
        on conflict (figure, label_1, label_2) do update set amount = c.amount + excluded.amount
    ),

    observed as (
        select l.figure, l.label_1, l.label_2, b.bound, sum(l.amount) as count, sum(l.amount * l.seconds) as sum,
               coalesce(sum(l.amount) filter (where l.seconds <= b.bound), 0)::bigint as below
          from labelled as l
         cross join lateral unnest(l.bounds) as b (bound)
         group by l.figure, l.label_1, l.label_2, b.bound
    )

    insert into internal.figure_histograms as h (figure, label_1, label_2, counts, count, sum)
    select o.figure, o.label_1, o.label_2, array_agg(o.below order by o.bound), max(o.count), max(o.sum)
      from observed as o
     group by o.figure, o.label_1, o.label_2
    on conflict (figure, label_1, label_2) do update
    set counts = array(
            select u.former + u.further
              from unnest(h.counts, excluded.counts) with ordinality as u (former, further, place)
             order by u.place
        ),
        count = h.count + excluded.count,
        sum = h.sum + excluded.sum;
end
$$;
comment on function internal.add_notes(internal.figure_deltas []) is
    'Adds notes to the counters and the histograms; those of figures that nobody knows are left out.';
revoke all on function internal.add_notes(internal.figure_deltas []) from public;
