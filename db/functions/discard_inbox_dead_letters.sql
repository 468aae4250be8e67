-- What nobody can use is deleted by hand and by id, all or none: a mistyped id must not go unnoticed.
-- security definer: operations may read dead letters, and delete them by this.
create or replace function public.discard_inbox_dead_letters(p_ids bigint[])
returns table (id bigint, source text, error_code text, reason text)
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
    v_id bigint;
begin
    select i.id into v_id
      from unnest(p_ids) as i (id)
     where not exists (select from public.inbox_dead_letters as d where d.id = i.id)
     limit 1;
    if found or coalesce(cardinality(p_ids), 0) = 0 then
        perform internal.raise_error('LP042', format('No dead letter has id %s.', coalesce(v_id::text, 'null')));
    end if;
    return query
        delete from public.inbox_dead_letters as d
         where d.id = any (p_ids)
        returning d.id, d.source, d.error_code, d.reason;
end
$$;
comment on function public.discard_inbox_dead_letters(bigint[]) is
    'Deletes dead letters of the inbox, all or none, and returns them. Errors: LP042 unknown, or none named.';
revoke all on function public.discard_inbox_dead_letters(bigint[]) from public;
grant execute on function public.discard_inbox_dead_letters(bigint[]) to lead_operations;
