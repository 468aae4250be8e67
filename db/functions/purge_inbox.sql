-- The ids of applied events are kept as long as their repetition is to be expected.
-- security definer: the worker calls functions, it does not write tables.
create or replace function public.purge_inbox("limit" integer default 10000) returns integer
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_limit constant integer := internal.checked_limit(purge_inbox."limit");
    v_purged integer;
begin
    delete from internal.inbox as i
     where i.event_id in (
         select e.event_id
           from internal.inbox as e
          where e.received_at < internal.retention_start('inbox_retention')
          order by e.received_at
          limit v_limit
            for update skip locked
     );
    get diagnostics v_purged = row_count;
    return v_purged;
end
$$;
comment on function public.purge_inbox(integer) is
    'Deletes up to "limit" ids of applied events older than the setting inbox_retention; returns how many. Errors: LP022.';
revoke all on function public.purge_inbox(integer) from public;
grant execute on function public.purge_inbox(integer) to lead_worker;
