-- May each role do its part, and nobody more? The rights on each object are part of its recorded shape.
create or replace function internal.inspect_rights() returns setof public.readiness_finding
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
    -- Who may do in this database and its schemas what nobody but the owner needs.
    with granted as (
        select x.grantee, x.privilege_type, 'schema ' || n.nspname as name
          from pg_namespace as n
         cross join lateral aclexplode(coalesce(n.nspacl, acldefault('n', n.nspowner))) as x
         where n.nspname = 'internal' or n.nspname = 'public' and x.privilege_type = 'CREATE'
         union all
        select x.grantee, x.privilege_type, 'this database'
          from pg_database as d
         cross join lateral aclexplode(coalesce(d.datacl, acldefault('d', d.datdba))) as x
         where d.datname = current_database() and x.privilege_type in ('CREATE', 'TEMPORARY')
    )

    select 'roles', case when count(f.fault) = 0 then 'OK' else 'FAIL' end,
           coalesce(
               string_agg(n.role || ' ' || f.fault, ', ') filter (where f.fault is not null),
               format('%s group roles without login', count(*))
           ),
           case
               when count(f.fault) > 0
                   then 'Load db/schema/010_roles.sql for what is missing and run leadguard migrate; alter role ... nologin; revoke ... from ...'
           end
      from unnest(array[
               'module02_writer', 'module03_writer', 'finops_writer', 'lead_operations', 'lead_worker', 'lead_exporter',
               'grafana_reader'
           ]) as n (role)
      left join (
          select a.oid, a.rolname,
                 a.rolcanlogin or a.rolsuper or a.rolcreatedb or a.rolcreaterole or a.rolreplication or a.rolbypassrls
                 as is_mighty,
                 (
                     select string_agg(m.roleid::regrole::text, ', ' order by m.roleid::regrole::text)
                       from pg_auth_members as m
                      where m.member = a.oid
                 ) as member_of,
                 (
                     select string_agg(
                                format('%s on %s', g.privilege_type, g.name), ', ' order by g.name, g.privilege_type
                            )
                       from granted as g
                      where g.grantee = a.oid
                 ) as granted
            from pg_roles as a
      ) as r on r.rolname = n.role
     cross join lateral (
           select case
                      when r.oid is null then 'is missing'
                      when r.is_mighty then 'may log in or is mighty'
                      when r.member_of is not null then 'may what ' || r.member_of || ' may'
                      when r.granted is not null then 'has ' || r.granted
                      when not has_schema_privilege(r.oid, 'public', 'usage') then 'may not look into schema public'
                  end as fault
           ) as f
     union all
    select 'rights of PUBLIC', case when count(*) = 0 then 'OK' else 'FAIL' end,
           coalesce(left(string_agg(format('%s on %s', g.privilege_type, g.name), ', ' order by g.name), 500), 'none'),
           case when count(*) > 0 then 'revoke ... from public; then find out who granted it.' end
      from (
          select x.privilege_type, p.oid::regprocedure::text as name
            from pg_proc as p
           cross join lateral aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) as x
           where p.pronamespace in ('public'::regnamespace, 'internal'::regnamespace) and x.grantee = 0
             and not exists (
                 select from pg_depend as d
                  where d.classid = 'pg_proc'::regclass and d.objid = p.oid and d.deptype = 'e')
             and exists (select from internal.recorded_shape as r where r.name = p.oid::regprocedure::text)
           union all
          select x.privilege_type, c.oid::regclass::text
            from pg_class as c
           cross join lateral aclexplode(c.relacl) as x
           where c.relnamespace in ('public'::regnamespace, 'internal'::regnamespace) and x.grantee = 0
             and exists (select from internal.recorded_shape as r where r.name = c.oid::regclass::text)
           union all
          select x.privilege_type, x.name from granted as x where x.grantee = 0
      ) as g
$$;
comment on function internal.inspect_rights() is 'Findings on the roles and on what everybody may do.';
revoke all on function internal.inspect_rights() from public;
