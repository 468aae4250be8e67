-- Called by migrate when everything is in place.
create or replace function internal.record_shape(p_release text, p_fingerprint text) returns void
language sql
set search_path = pg_catalog, pg_temp
as $$
    delete from internal.recorded_shape;
    insert into internal.recorded_shape (kind, name, fingerprint)
    select s.kind, s.name, s.fingerprint from internal.current_shape() as s
     union all
    select 'RELEASE', p_release, p_fingerprint
     union all
    select 'ORIGIN', internal.shape_origin(), '';
$$;
comment on function internal.record_shape(text, text) is
    'Keeps the current shape as the one that is right, with the program''s version, the fingerprint of its SQL files, and what it comes from.';
revoke all on function internal.record_shape(text, text) from public;
