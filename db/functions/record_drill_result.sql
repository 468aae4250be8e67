-- A drill was checked.
-- security definer: operations call functions, they do not write tables.
create or replace function public.record_drill_result(p_person text, p_drill text, p_passed boolean, p_took interval)
returns bigint
language sql
security definer
set search_path = pg_catalog, pg_temp
as $$
    insert into public.drill_results (person, drill, passed, took)
    values (btrim(p_person), p_drill, p_passed, p_took)
    returning id
$$;
comment on function public.record_drill_result(text, text, boolean, interval) is
    'Keeps in drill_results how a person''s drill was judged, and how long it took; returns its id.';
revoke all on function public.record_drill_result(text, text, boolean, interval) from public;
grant execute on function public.record_drill_result(text, text, boolean, interval) to lead_operations;
