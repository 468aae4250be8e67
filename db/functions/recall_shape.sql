-- migrate records what it finds at its end. What a hand had altered before, and no migration has touched, is still not
-- what is right. Functions, views and our triggers have been re-created: what still differs in them is a right or an
-- owner.
create or replace function internal.recall_shape(p_altered jsonb) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    v_was record;
begin
    for v_was in
        select *
          from jsonb_to_recordset(p_altered) as a (kind text, name text, recorded text, found text)
         where a.kind in ('table', 'type', 'constraint', 'index', 'row') or a.kind = 'trigger' and a.recorded is null
    loop
        continue when v_was.found is distinct from (
            select r.fingerprint from internal.recorded_shape as r where r.kind = v_was.kind and r.name = v_was.name
        );
        delete from internal.recorded_shape as r where r.kind = v_was.kind and r.name = v_was.name;
        insert into internal.recorded_shape (kind, name, fingerprint)
        select v_was.kind, v_was.name, v_was.recorded where v_was.recorded is not null;
    end loop;
end
$$;
comment on function internal.recall_shape(jsonb) is
    'After record_shape(): records those rows of an earlier compare_shape() as they were recorded then that are as they were found then.';
revoke all on function internal.recall_shape(jsonb) from public;
