-- The criteria of go-live that the database answers itself, each group by a function of its own; the view compares them
-- with what is asked.
-- security definer: who reads the view has no right on the tables.
create or replace function internal.measure_go_live() returns setof internal.go_live_measurement
language sql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
    select * from internal.measure_go_live_targets()
     union all
    select * from internal.measure_runbooks()
     union all
    select * from internal.measure_integration()
     union all
    select * from internal.measure_peak_performance()
$$;
comment on function internal.measure_go_live() is
    'The measured criteria of go-live as of now(), a row each: against which target, whether there is anything to judge by, whether it is met, and by what.';
revoke all on function internal.measure_go_live() from public;
grant execute on function internal.measure_go_live() to lead_operations, grafana_reader;
