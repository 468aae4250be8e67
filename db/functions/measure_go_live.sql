-- The criteria of go-live that the database answers itself, each group by a function of its own; the view compares them
-- with what is asked.
-- security definer: who reads the view has no right on the tables.
create or replace function internal.measure_go_live()
returns table (
    criterion text,
    target text,
    value numeric,
    unit text,
    is_known boolean,
    is_met boolean,
    evidence text
)
language sql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
    select m.criterion, m.target, m.value, m.unit, m.is_known, m.is_met, m.evidence
      from internal.measure_go_live_targets() as m
     union all
    select m.criterion, m.target, m.value, m.unit, m.is_known, m.is_met, m.evidence
      from internal.measure_runbooks() as m
     union all
    select m.criterion, m.target, m.value, m.unit, m.is_known, m.is_met, m.evidence
      from internal.measure_integration() as m
     union all
    select m.criterion, m.target, m.value, m.unit, m.is_known, m.is_met, m.evidence
      from internal.measure_peak_performance() as m
$$;
comment on function internal.measure_go_live() is
    'The measured criteria of go-live as of now(), a row each: against which target, whether there is anything to judge by, whether it is met, and by what.';
revoke all on function internal.measure_go_live() from public;
grant execute on function internal.measure_go_live() to lead_operations, grafana_reader;
