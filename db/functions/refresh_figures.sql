-- One statement counts everything, so that all figures are of one consistent moment: what was noted since the last
-- time is taken away, the gauges are counted anew. Only then both are stored: statements see later moments.
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
    v_notes internal.figure_deltas[];
    v_gauges internal.figure_gauges[];
begin
    -- One at a time; what follows sees what the one before has left.
    perform from internal.figure_snapshot as f for update;
    with noted as materialized (
        delete from internal.figure_deltas as d returning d.figure, d.label_1, d.label_2, d.amount, d.seconds
    ),

    grouped as (
        select n.figure, internal.label_value(n.label_1) as label_1, internal.label_value(n.label_2) as label_2,
               n.seconds, sum(n.amount)::bigint as amount
          from noted as n
         group by n.figure, internal.label_value(n.label_1), internal.label_value(n.label_2), n.seconds
    )

    select v_at,
           (select coalesce(sum(n.amount), 0) from noted as n),
           array(
               select row(null, g.figure, g.label_1, g.label_2, g.amount, g.seconds)::internal.figure_deltas
                 from grouped as g
           ),
           array(
               select row(g.figure, g.label_1, g.label_2, g.value)::internal.figure_gauges
                 from internal.count_gauges(v_at) as g
           )
      into strict taken_at, notes_added, v_notes, v_gauges;
    perform internal.admit_series(v_notes);
    perform internal.add_notes(v_notes);
    perform internal.replace_gauges(v_gauges);
    update internal.figure_snapshot as f set taken_at = v_at;
end
$$;
comment on function public.refresh_figures(timestamptz) is
    'Counts all figures into the snapshot as of a past moment (null: now); notes_added: what was added to counters since the last time. Errors: LP006, LP007 at in the future.';
revoke all on function public.refresh_figures(timestamptz) from public;
grant execute on function public.refresh_figures(timestamptz) to lead_worker;
