-- Breaches of budgets leave when nothing that is still to be recorded could tell of them again.
-- security definer: the worker calls functions, it does not write tables.
create or replace function public.purge_budget_breaches("limit" integer default 10000) returns integer
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_limit constant integer := internal.checked_limit(purge_budget_breaches."limit");
    v_purged integer;
begin
    delete from public.cost_budget_breaches as b
     where b.id in (
         select o.id
           from public.cost_budget_breaches as o
          where o.window_ended_at < internal.breaches_kept_from()
          order by o.window_ended_at
          limit v_limit
            for update skip locked
     );
    get diagnostics v_purged = row_count;
    return v_purged;
end
$$;
comment on function public.purge_budget_breaches(integer) is
    'Deletes up to "limit" breaches of budgets that are older than the setting budget_breaches_retention, and than 31 days; returns how many. Errors: LP022.';
revoke all on function public.purge_budget_breaches(integer) from public;
grant execute on function public.purge_budget_breaches(integer) to lead_worker;
