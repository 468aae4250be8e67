-- A dead letter waits for a person, but not for ever: it may hold what people's data rules let nobody keep. Each time
-- it comes again it counts as new.
-- security definer: the worker calls functions, it does not write tables.
create or replace function public.purge_inbox_dead_letters("limit" integer default 10000) returns integer
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_limit constant integer := internal.checked_limit(purge_inbox_dead_letters."limit");
    v_purged integer;
begin
    delete from public.inbox_dead_letters as d
     where d.id in (
         select o.id
           from public.inbox_dead_letters as o
          where o.last_at < internal.retention_start('inbox_dead_letters_retention')
          order by o.last_at
          limit v_limit
            for update skip locked
     );
    get diagnostics v_purged = row_count;
    return v_purged;
end
$$;
comment on function public.purge_inbox_dead_letters(integer) is
    'Deletes up to "limit" dead letters of the inbox that last came before the setting inbox_dead_letters_retention; returns how many. Errors: LP022.';
revoke all on function public.purge_inbox_dead_letters(integer) from public;
grant execute on function public.purge_inbox_dead_letters(integer) to lead_worker;
