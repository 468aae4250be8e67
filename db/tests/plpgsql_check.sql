-- Every plpgsql function, triggers with their relations, through plpgsql_check: errors and warnings are fatal.
begin;

create temp table checked as
select p.oid, t.tgrelid, coalesce(t.tgoldtable, '') as old_table, coalesce(t.tgnewtable, '') as new_table
  from pg_proc as p
  join pg_language as l on l.oid = p.prolang and l.lanname = 'plpgsql'
  left join pg_trigger as t on t.tgfoid = p.oid and not t.tgisinternal and t.tgparentid = 0
 where p.pronamespace in ('public'::regnamespace, 'internal'::regnamespace)
   and not exists (select from pg_depend as d where d.classid = 'pg_proc'::regclass and d.objid = p.oid and d.deptype = 'e');

select plan(2 + (select count(*)::integer from checked));
select cmp_ok((select count(*)::integer from checked), '>', 40, 'there are functions to check');
select is_empty($$select oid::regprocedure from checked where tgrelid is null and (select prorettype from pg_proc as p where p.oid = checked.oid) = 'trigger'::regtype$$,
    'every trigger function is used by a trigger');
select is_empty(
    format(
        $$select c.functionid::regproc, c.lineno, c.statement, c.level, c.sqlstate, c.message
            from plpgsql_check_function_tb(%s, %s, fatal_errors => false, other_warnings => true, performance_warnings => false,
                     extra_warnings => true, security_warnings => true, oldtable => nullif(%L, ''), newtable => nullif(%L, '')) as c
           -- Page 2 calls it so.
           where c.message <> 'name of parameter "limit" is reserved keyword'$$,
        c.oid, coalesce(c.tgrelid, 0), c.old_table, c.new_table
    ),
    format('%s%s is sound', c.oid::regprocedure, coalesce(' on ' || nullif(c.tgrelid, 0)::regclass::text, ''))
)
  from checked as c
 order by c.oid::regprocedure::text, c.tgrelid::regclass::text;

select * from finish();
rollback;
