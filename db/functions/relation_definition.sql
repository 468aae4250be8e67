-- PostgreSQL tells the definition of a view, an index, a function as text, of a table it does not: what of a relation
-- would make it another one, on lines of their own.
create or replace function internal.relation_definition(p_relation oid) returns text
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
    select concat_ws(
               E'\n',
               r.relpersistence,
               case when r.relrowsecurity then 'row security' end,
               -- A view that was restored names what its text had left without a name.
               case when r.relkind = 'v' then replace(pg_get_viewdef(r.oid), '::text AS text', '::text') end,
               -- Whose rights it reads with. How a table is stored is the owner's to tune.
               case when r.relkind = 'v' then (select string_agg(x, ' ' order by x) from unnest(r.reloptions) as x) end,
               (select string_agg(x::text, ' ' order by x::text) from unnest(r.relacl) as x),
               (
                   select string_agg(
                              concat_ws(
                                  ' ', a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull, a.attidentity,
                                  pg_get_expr(d.adbin, d.adrelid), a.attacl
                              ),
                              E'\n' order by a.attnum
                          )
                     from pg_attribute as a
                     left join pg_attrdef as d on d.adrelid = a.attrelid and d.adnum = a.attnum
                    where a.attrelid = r.oid and a.attnum > 0 and not a.attisdropped
               )
           )
      from pg_class as r
     where r.oid = p_relation
$$;
comment on function internal.relation_definition(oid) is
    'A table''s, view''s or type''s definition as text: how it is kept, rights, columns. Moments and intervals in it are written as the caller''s settings have them.';
revoke all on function internal.relation_definition(oid) from public;
