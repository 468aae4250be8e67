-- Lint of the catalogue: what holds for every object of ours, today's and tomorrow's.
begin;
select plan(35);

create temp view ours as
select p.oid, p.oid::regprocedure::text as name, p.proname, p.prosrc, p.prosqlbody, p.prosecdef, p.proconfig, p.proacl, p.prokind, p.prorettype, p.prolang from pg_proc as p
 where p.pronamespace in ('public'::regnamespace, 'internal'::regnamespace)
   and not exists (select from pg_depend as d where d.classid = 'pg_proc'::regclass and d.objid = p.oid and d.deptype = 'e');
create temp view relations as
select c.oid, c.oid::regclass::text as name, c.relkind, c.relacl from pg_class as c
 where c.relnamespace in ('public'::regnamespace, 'internal'::regnamespace) and c.relkind in ('r', 'p', 'v', 'm', 'f')
   and c.relname !~ '^_?yoyo'
   and not exists (select from pg_depend as d where d.classid = 'pg_class'::regclass and d.objid = c.oid and d.deptype = 'e');
select cmp_ok((select count(*)::integer from ours), '>', 60, 'there are functions to look at');
select cmp_ok((select count(*)::integer from relations), '>', 15, 'there are relations to look at');

-- Comments.
select is_empty($$select name from ours where obj_description(oid, 'pg_proc') is null$$, 'every function and procedure says what callers may rely on');
select is_empty($$select name from relations where obj_description(oid, 'pg_class') is null and name !~ '^internal\.outbox_archive_\d+$'$$, 'every table and view says what it holds');
select is_empty(
    $$select t.typname from pg_type as t join pg_class as c on c.oid = t.typrelid where c.relkind = 'c' and t.typnamespace in ('public'::regnamespace,
    'internal'::regnamespace) and obj_description(t.oid, 'pg_type') is null$$,
    'every type says what it is'
);
select isnt(obj_description('internal'::regnamespace, 'pg_namespace'), null, 'schema internal says what it is');

-- search_path and rights.
select is_empty(
    $$select name from ours where prosqlbody is null and not coalesce(proconfig::text ~ 'search_path=', false) and proname <> 'policy_in_force'$$,
    'every function that is not an inlinable SQL one pins search_path, but the one whose columns are those of its table'
);
select is_empty($$select name from ours where prosecdef and not coalesce('search_path=pg_catalog, pg_temp' = any (proconfig), false)$$, 'every security definer pins it to pg_catalog, pg_temp');
select is_empty($$select name from ours where prosecdef and prosrc ~* '\mexecute\s+(format|''|v_|p_)' and proname not in ('make_outbox_partitions', 'drop_outbox_partitions')$$,
    'no security definer runs text as SQL, but those that make and drop partitions');
select is_empty(
    $q$select name, line from ours cross join lateral regexp_split_to_table(prosrc, E'\n') as line
        where prosqlbody is null and line ~ $x$\\|U&'$x$ and line !~ $x$\mE'$x$$q$,
    'no body means another thing where a session has switched standard_conforming_strings off'
);
select is_empty(
    $$select f.name from ours as f join pg_trigger as t on t.tgfoid = f.oid cross join lateral (values (t.tgoldtable), (t.tgnewtable)) as x (name)
       where x.name is not null and f.prosrc ~ format('(?<!full )join\s+%1$s\M|from\s[^;]*,\s*%1$s\s+as\M', x.name)$$,
    'transition tables are joined in full: the plan for one row, kept for many, is never a nested loop'
);
select is_empty(
    $$select name from ours cross join lateral aclexplode(coalesce(proacl, acldefault('f', 10))) as a where a.grantee = 0$$,
    'PUBLIC may execute nothing of ours'
);
select is_empty($$select name, a.privilege_type from relations cross join lateral aclexplode(relacl) as a where a.grantee = 0$$, 'PUBLIC has no right on any relation');
select is_empty(
    $$select c.oid::regclass from pg_class as c cross join lateral aclexplode(c.relacl) as a
       where c.relkind = 'S' and c.relnamespace in ('public'::regnamespace, 'internal'::regnamespace) and a.grantee = 0$$,
    'nor on any sequence'
);
select is_empty(
    $$select n.nspname, a.privilege_type from pg_namespace as n cross join lateral aclexplode(coalesce(n.nspacl, acldefault('n', n.nspowner))) as a
       where n.nspname in ('public', 'internal') and a.grantee = 0 and (a.privilege_type = 'CREATE' or n.nspname = 'internal')$$,
    'PUBLIC may create nothing, and not even look into internal'
);
select is_empty(
    $$select a.privilege_type from pg_database as d cross join lateral aclexplode(coalesce(d.datacl, acldefault('d', d.datdba))) as a
       where d.datname = current_database() and a.grantee = 0 and a.privilege_type in ('CREATE', 'TEMPORARY')$$,
    'PUBLIC may neither create in the database nor make temporary tables'
);
select is_empty(
    $$select name, pg_get_userbyid(a.grantee) from ours cross join lateral aclexplode(proacl) as a where a.is_grantable and a.grantee <> (select proowner from pg_proc as p where p.oid = ours.oid)$$,
    'no right may be handed on'
);

-- Keys, indexes, constraints.
select is_empty($$select name from relations where relkind in ('r', 'p') and not exists (select from pg_constraint as k where k.conrelid = relations.oid and k.contype = 'p')$$, 'every table has a primary key');
select is_empty(
    $$select k.conrelid::regclass, k.conname from pg_constraint as k join relations as r on r.oid = k.conrelid
       where k.contype = 'f' and not exists (
           select from pg_index as i where i.indrelid = k.conrelid and i.indpred is null
              and (select array_agg(x.a order by x.a) from unnest(i.indkey[0:cardinality(k.conkey) - 1]) as x (a)) = (select array_agg(x.a order by x.a) from unnest(k.conkey) as x (a)))$$,
    'every foreign key has an index that leads with its columns'
);
select is_empty(
    $$select k.conrelid::regclass, k.conname from pg_constraint as k join relations as r on r.oid = k.conrelid
       where k.contype = 'c' and k.conname ~ '_check\d*$' or k.contype in ('u', 'x') and k.conname ~ '_(key|excl)\d*$'$$,
    'every check and unique constraint is named by its meaning'
);
select is_empty(
    $$select a.indexrelid::regclass, b.indexrelid::regclass from pg_index as a join pg_index as b on a.indrelid = b.indrelid and a.indexrelid < b.indexrelid
        join relations as r on r.oid = a.indrelid
       where a.indkey = b.indkey and a.indclass = b.indclass and a.indpred is not distinct from b.indpred and a.indexprs is not distinct from b.indexprs$$,
    'no index is there twice'
);
select is_empty($$select indexrelid::regclass from pg_index as i join relations as r on r.oid = i.indrelid where not i.indisvalid$$, 'every index is valid');
select is_empty($$select tgrelid::regclass, tgname from pg_trigger as t join relations as r on r.oid = t.tgrelid where tgenabled <> 'O'$$, 'every trigger is enabled');
select is_empty($$select c.oid::regclass from pg_class as c join relations as r using (oid) where c.relpersistence <> 'p'$$, 'every table survives a crash');
select is_empty(
    $$select tgfoid::regproc from pg_trigger as t join relations as r on r.oid = t.tgrelid join pg_proc as p on p.oid = t.tgfoid where not tgisinternal and not prosecdef$$,
    'trigger functions run with their owner''s rights: a writer of facts has none on the machinery'
);

-- Error codes.
create temp view raised as
select distinct m[1] as code, o.name from ours as o cross join lateral regexp_matches(o.prosrc, '''(LP\d{3})''', 'g') as m;
select is_empty($$select code, name from raised where code not in (select code from error_codes)$$, 'every code that is raised stands in error_codes');
select is_empty($$select code from error_codes where code not in (select code from raised)$$, 'every code in error_codes is raised somewhere');
select is_empty($$select name from ours where prosrc ~* 'raise\s+exception' and proname <> 'raise_error'$$, 'errors are raised in one place');
select is_empty($$select code from error_codes where btrim(message) = '' or btrim(hint) = '' or message ~ '[.!]$'$$, 'every code has a short fact and a hint');
select is_empty($$select message from error_codes group by message having count(*) > 1$$, 'no two codes say the same');
select is_empty($$select name from ours where prosrc ~* 'when\s+others'$$, 'no function catches everything');

-- Style.
select is_empty($$select name, octet_length(prosrc) from ours where octet_length(prosrc) > 8192$$, 'no function is a giant');
select is_empty($$select name from ours where prosrc ~* 'current_date|localtimestamp|current_time\M|timeofday'$$, 'no function reads the date of the session');
select is_empty(
    $$select name from ours where prosrc ~ 'interval ''[^'']*(day|month|year)' and prosrc ~* 'now\(\)\s*[-+]\s*interval ''[^'']*(day|month|year)'$$,
    'no function adds calendar days to now() in the session''s zone'
);
select is_empty($$select tgname from pg_trigger as t join relations as r on r.oid = t.tgrelid where not tgisinternal and tgname ~ '^(trg|trigger|tr)_'$$, 'triggers are named by what they do');

select * from finish();
rollback;
