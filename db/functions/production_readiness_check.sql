-- "May we go live?", and every day after: one row a question, each with its evidence.
-- security definer: operations ask, and have no right on the machinery.
create or replace function public.production_readiness_check() returns setof public.readiness_finding
language sql
security definer
set search_path = pg_catalog, pg_temp
as $$
    select * from internal.inspect_server()
     union all
    select 'migrations', case when r.name is null then 'FAIL' else 'OK' end,
           coalesce(format('by leadguard %s: %s', r.name, m.applied), 'not recorded'),
           case when r.name is null then 'Run leadguard migrate.' end
      from (
          select string_agg(y.migration_id, ', ' order by y.migration_id) as applied
            from internal._yoyo_migration as y
      ) as m
      left join internal.recorded_shape as r on r.kind = 'RELEASE'
     union all
    select * from internal.inspect_shape()
     union all
    select * from internal.inspect_rights()
     union all
    select * from internal.inspect_deployment()
     union all
    select * from internal.inspect_events()
     union all
    select * from internal.inspect_work()
     union all
    select * from internal.inspect_mail()
$$;
comment on function public.production_readiness_check() is
    'The database''s readiness, a row a question: what, status OK, WARN or FAIL, evidence, what to do. Tries the rules on sample data and takes it back; ready if no row is FAIL. leadguard check adds what only a client sees.';
revoke all on function public.production_readiness_check() from public;
grant execute on function public.production_readiness_check() to lead_operations;
