-- The server shows a transaction's start to its role and to whoever may read all statistics; the exporter is neither.
-- security definer: the owner sees more.
create or replace function public.oldest_transaction_seconds() returns double precision
language sql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
    select coalesce(extract(epoch from max(clock_timestamp() - a.xact_start)), 0)::double precision
      from pg_stat_activity as a
     where a.datname = current_database() and a.pid <> pg_backend_pid() and a.backend_type = 'client backend'
$$;
comment on function public.oldest_transaction_seconds() is
    'Age of the oldest open transaction in this database but one''s own, as far as the owner may see it; 0: none.';
revoke all on function public.oldest_transaction_seconds() from public;
grant execute on function public.oldest_transaction_seconds() to lead_exporter, lead_operations;
