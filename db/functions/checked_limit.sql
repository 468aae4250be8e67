-- How much is handled at once is the caller's to say, but for nothing: a pass without a limit would hold its locks
-- for as long as there is work.
create or replace function internal.checked_limit(p_limit integer) returns integer
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
    if p_limit is null or p_limit < 1 then
        perform internal.raise_error('LP022', format('limit is %L.', p_limit));
    end if;
    return p_limit;
end
$$;
comment on function internal.checked_limit(integer) is
    'p_limit, if it is a whole number from 1 up. Errors: LP022 it is not.';
revoke all on function internal.checked_limit(integer) from public;
