-- Two shapes can be compared only if nothing but a hand can have come between them: a migration that was applied and
-- not recorded, another PostgreSQL, another owner (who stands in every right) make another shape by themselves.
create or replace function internal.shape_origin() returns text
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
    select format(
               '%s, PostgreSQL %s, %s', max(y.migration_id),
               current_setting('server_version_num')::integer / 10000, current_user
           )
      from internal._yoyo_migration as y
$$;
comment on function internal.shape_origin() is
    'What a shape comes from: the last migration, the server''s major version, the role that migrates.';
revoke all on function internal.shape_origin() from public;
