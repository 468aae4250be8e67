-- The shape as the catalogue has it, a fingerprint an object, so that two of them can be compared by name.
-- Archive partitions come and go with time, and yoyo's tables are its own.
create or replace function internal.current_shape()
returns table (kind text, name text, fingerprint text)
language sql
stable
set search_path = pg_catalog, pg_temp
-- Definitions show moments and intervals as the session has them; the fingerprint must not depend on who asks.
set timezone = 'UTC'
set datestyle = 'ISO'
set intervalstyle = 'postgres'
set quote_all_identifiers = off
set standard_conforming_strings = on
set extra_float_digits = 1
as $$
    with relations as (
        select c.oid, c.relkind, c.oid::regclass::text as name
          from pg_class as c
         where c.relnamespace in ('public'::regnamespace, 'internal'::regnamespace)
           and c.relkind in ('r', 'p', 'v', 'c')
           and c.relname !~ '^_?yoyo'
           and (not c.relispartition or pg_get_expr(c.relpartbound, c.oid) = 'DEFAULT')
           and not exists (
               select from pg_depend as d
                where d.classid = 'pg_class'::regclass and d.objid = c.oid and d.deptype = 'e')
    ),

    found as (
        select case r.relkind when 'v' then 'view' when 'c' then 'type' else 'table' end as kind,
               r.name,
               internal.relation_definition(r.oid) as definition
          from relations as r
         union all
        select 'constraint', format('%I on %s', k.conname, r.name), pg_get_constraintdef(k.oid) || k.convalidated
          from pg_constraint as k
          join relations as r on r.oid = k.conrelid
         where k.contype in ('c', 'f', 'p', 'u', 'x')
         union all
        select 'index', i.indexrelid::regclass::text, pg_get_indexdef(i.indexrelid) || i.indisvalid
          from pg_index as i
          join relations as r on r.oid = i.indrelid
         union all
        select 'trigger', format('%I on %s', t.tgname, r.name), pg_get_triggerdef(t.oid) || t.tgenabled::text
          from pg_trigger as t
          join relations as r on r.oid = t.tgrelid
         where not t.tgisinternal
         union all
        -- What acts on rows like a trigger.
        select 'trigger', format('rule %I on %s', w.rulename, r.name), pg_get_ruledef(w.oid) || w.ev_enabled::text
          from pg_rewrite as w
          join relations as r on r.oid = w.ev_class
         where w.rulename <> '_RETURN'
         union all
        select 'function', p.oid::regprocedure::text,
               pg_get_functiondef(p.oid)
               || coalesce((select string_agg(x::text, ' ' order by x::text) from unnest(p.proacl) as x), '')
          from pg_proc as p
         where p.pronamespace in ('public'::regnamespace, 'internal'::regnamespace)
           and p.prokind in ('f', 'p')
           and not exists (
               select from pg_depend as d
                where d.classid = 'pg_proc'::regclass and d.objid = p.oid and d.deptype = 'e')
         union all
        -- Rows that functions look up by name: their values are an installation's own, that they are there is not.
        select 'row', format('%s of %s', x.name, x.registry), ''
          from (
              select 'settings', s.name from public.settings as s
               union all
              select 'kpi_thresholds', k.kpi from public.kpi_thresholds as k
               union all
              select 'expected_jobs', j.job from public.expected_jobs as j
               union all
              select 'event_types', e.event_type || ' ' || e.version from public.event_types as e
               union all
              select 'internal.figure_kinds', k.figure from internal.figure_kinds as k
          ) as x (registry, name)
    )

    select f.kind, f.name, encode(sha256(convert_to(f.definition, 'UTF8')), 'hex') from found as f
$$;
comment on function internal.current_shape() is
    'Tables, views, types, constraints, indexes, triggers and functions of public and internal, rights included, and rows that must be there: kind, name, fingerprint.';
revoke all on function internal.current_shape() from public;
