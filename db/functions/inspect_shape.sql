-- Is every object as migrate left it? What a hand has altered, dropped or switched off since is told by name.
create or replace function internal.inspect_shape() returns setof public.readiness_finding
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
    with compared as (
        select c.kind, c.name,
               case
                   when c.found is null then 'missing'
                   -- A table or index that somebody added is theirs; what acts on our rows or refuses some is not.
                   when c.recorded is null and (c.kind in ('constraint', 'trigger') or x.indisunique) then 'not ours'
                   when c.recorded is null then 'theirs'
                   when c.recorded <> c.found then 'changed'
               end as fault
          from internal.compare_shape() as c
          left join pg_index as x on c.kind = 'index' and c.name = x.indexrelid::regclass::text
    ),

    told as (
        select k.kind, k.plural,
               count(c.name) filter (where c.fault is null) as right_ones,
               count(c.name) filter (where c.fault in ('missing', 'changed')) as faults,
               count(c.name) filter (where c.fault = 'not ours') as strangers,
               string_agg(format('%s (%s)', c.name, c.fault), ', ' order by c.fault, c.name) filter (
                   where c.fault in ('missing', 'changed', 'not ours')
               ) as names
          from (values
                   ('table', 'tables and columns'), ('type', 'types'), ('constraint', 'constraints'),
                   ('index', 'indexes'), ('view', 'views'), ('function', 'functions'), ('trigger', 'triggers'),
                   ('row', 'rows that must be there')
               ) as k (kind, plural)
          left join compared as c on c.kind = k.kind
         group by k.kind, k.plural
    )

    select t.plural,
           case when t.faults > 0 or t.right_ones = 0 then 'FAIL' when t.strangers > 0 then 'WARN' else 'OK' end,
           coalesce(left(t.names, 500), case
                   when t.kind = 'row' then format('%s, all that there were', t.right_ones)
                   else format('%s, as migrated, with their rights', t.right_ones)
               end),
           case
               when t.kind in ('function', 'view') and t.names is not null
                   then 'Run leadguard migrate: it re-creates them.'
               when t.kind = 'row' and t.names is not null then 'Insert them again, with the values of db/schema.'
               when t.names is not null
                   then 'Compare with db/schema and undo by hand what was done by hand; or take it for right: leadguard migrate --accept-altered.'
               when t.right_ones = 0 then 'Run leadguard migrate.'
           end
      from told as t
     union all
    select 'triggers enabled', case when count(*) = 0 then 'OK' else 'FAIL' end,
           coalesce(string_agg(format('%I on %s is not', t.tgname, t.tgrelid::regclass), ', '), 'all of them'),
           case when count(*) > 0 then 'alter table ... enable trigger ...; then leadguard verify' end
      from pg_trigger as t
      join pg_class as c on c.oid = t.tgrelid
     where c.relnamespace in ('public'::regnamespace, 'internal'::regnamespace)
       and not t.tgisinternal and t.tgenabled <> 'O'
$$;
comment on function internal.inspect_shape() is
    'Findings on tables, constraints, indexes, views, functions, triggers against what migrate recorded.';
revoke all on function internal.inspect_shape() from public;
