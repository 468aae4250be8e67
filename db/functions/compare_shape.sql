-- The shape as migrate left it beside the shape as it is.
create or replace function internal.compare_shape() returns table (kind text, name text, recorded text, found text)
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
    select coalesce(r.kind, s.kind), coalesce(r.name, s.name), r.fingerprint, s.fingerprint
      from (select * from internal.recorded_shape as x where x.kind not in ('RELEASE', 'ORIGIN')) as r
      full join internal.current_shape() as s on s.kind = r.kind and s.name = r.name
$$;
comment on function internal.compare_shape() is
    'Each object with its recorded fingerprint and today''s; found null: missing, recorded null: somebody''s own.';
revoke all on function internal.compare_shape() from public;
