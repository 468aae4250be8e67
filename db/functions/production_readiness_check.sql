-- "May we go live?", and every day after: one row a question, each with its evidence.
-- security definer: operations ask, and have no right on the machinery.
create or replace function public.production_readiness_check() returns setof public.readiness_finding
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_subject text;
begin
    foreach v_subject in array array[
        'server', 'migrations', 'shape', 'rights', 'deployment', 'events', 'work', 'mail'
    ] loop
        begin
            case v_subject
                when 'server' then
                    return query select * from internal.inspect_server();
                when 'migrations' then
                    return query
                    select 'migrations', case when r.name is null then 'FAIL' else 'OK' end,
                           coalesce(format('by leadguard %s: %s', r.name, m.applied), 'not recorded'),
                           case when r.name is null then 'Run leadguard migrate.' end
                      from (
                          select string_agg(y.migration_id, ', ' order by y.migration_id) as applied
                            from internal._yoyo_migration as y
                      ) as m
                      left join internal.recorded_shape as r on r.kind = 'RELEASE';
                when 'shape' then
                    return query select * from internal.inspect_shape();
                when 'rights' then
                    return query select * from internal.inspect_rights();
                when 'deployment' then
                    return query select * from internal.inspect_deployment();
                when 'events' then
                    return query select * from internal.inspect_events();
                when 'work' then
                    return query select * from internal.inspect_work();
                when 'mail' then
                    return query select * from internal.inspect_mail();
            end case;
        exception
            -- What it reads is gone: that is an answer, and what else is missing is to be told all the same.
            when syntax_error_or_access_rule_violation or invalid_schema_name then
                return query
                select v_subject, 'FAIL', format('cannot be asked: %s: %s', sqlstate, sqlerrm),
                       'Put back what is missing, as db/schema or a backup has it; then run leadguard migrate.';
        end;
    end loop;
end
$$;
comment on function public.production_readiness_check() is
    'The database''s readiness, a row a question: what, status OK, WARN or FAIL, evidence, what to do. Tries the rules on sample data and takes it back; ready if no row is FAIL. leadguard check adds what only a client sees.';
revoke all on function public.production_readiness_check() from public;
grant execute on function public.production_readiness_check() to lead_operations;
