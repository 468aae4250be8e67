-- One statement counts everything, so that all figures are of one consistent moment: what was noted since the last
-- time is added to the counters and taken away, the gauges are counted anew.
-- security definer: the worker calls functions, it does not read tables.
create or replace function public.refresh_figures(
    at timestamptz default null,
    out taken_at timestamptz,
    out notes_added bigint
)
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
    v_at constant timestamptz := internal.checked_past(refresh_figures.at);
    v_limit constant integer := (
        select s.value::integer from public.settings as s where s.name = 'figure_series_limit'
    );
begin
    -- One at a time; the statement below sees what the one before has left.
    perform from internal.figure_snapshot as f for update;
    with noted as materialized (
        delete from internal.figure_deltas as d returning d.figure, d.label_1, d.label_2, d.amount, d.seconds
    ),

    grouped as materialized (
        select k.figure, k.family, k.bounds, n.seconds,
               internal.label_value(n.label_1) as label_1, internal.label_value(n.label_2) as label_2,
               sum(n.amount)::bigint as amount
          from noted as n
          join internal.figure_kinds as k on k.figure = n.figure
         group by k.figure, internal.label_value(n.label_1), internal.label_value(n.label_2), n.seconds
    ),

    -- The largest first, as long as there is room.
    newcomers as (
        select g.family, g.label_1, g.label_2,
               row_number() over (partition by g.family order by sum(g.amount) desc, g.label_1, g.label_2) as place
          from grouped as g
         where g.family is not null and not exists (
               select from internal.figure_series as s
                where (s.family, s.label_1, s.label_2) = (g.family, g.label_1, g.label_2)
               )
         group by g.family, g.label_1, g.label_2
    ),

    admitted as (
        insert into internal.figure_series (family, label_1, label_2)
        select n.family, n.label_1, n.label_2
          from newcomers as n
          left join (
               select s.family, count(*) as series from internal.figure_series as s group by s.family
               ) as f on f.family = n.family
         where n.place + coalesce(f.series, 0) <= v_limit
        returning family, label_1, label_2
    ),

    own as materialized (
        select s.family, s.label_1, s.label_2 from internal.figure_series as s
         union all
        select a.family, a.label_1, a.label_2 from admitted as a
    ),

    labelled as materialized (
        select g.figure, g.bounds, g.seconds, g.amount,
               case when o.has_own then g.label_1 else 'other' end as label_1,
               case when o.has_own or g.label_2 = '' then g.label_2 else 'other' end as label_2
          from grouped as g
          left join own as x on (x.family, x.label_1, x.label_2) = (g.family, g.label_1, g.label_2)
         cross join lateral (select g.family is null or x.family is not null as has_own) as o
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
    ),

    histograms as (
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
            sum = h.sum + excluded.sum
    ),

    gauges as materialized (
        select g.figure, g.label_1, g.label_2, g.value from internal.count_gauges(v_at) as g
    ),

    stored as (
        insert into internal.figure_gauges as f (figure, label_1, label_2, value)
        select g.figure, g.label_1, g.label_2, g.value from gauges as g
        on conflict (figure, label_1, label_2) do update set value = excluded.value
    ),

    gone as (
        delete from internal.figure_gauges as f
         where not exists (
               select from gauges as g
                where (g.figure, g.label_1, g.label_2) = (f.figure, f.label_1, f.label_2)
               )
    ),

    dated as (
        update internal.figure_snapshot as f set taken_at = v_at
    )

    select v_at, (select coalesce(sum(n.amount), 0) from noted as n) into strict taken_at, notes_added;
end
$$;
comment on function public.refresh_figures(timestamptz) is
    'Counts all figures into the snapshot as of a past moment (null: now); notes_added: what was added to counters since the last time. Errors: LP006, LP007 at in the future.';
revoke all on function public.refresh_figures(timestamptz) from public;
grant execute on function public.refresh_figures(timestamptz) to lead_worker;
