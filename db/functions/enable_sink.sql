-- The receiver is back, or its 410 was a mistake: a person says so, the next pass publishes.
-- security definer: operations may read the list, and change it by this.
create or replace function public.enable_sink(p_sink text) returns void
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    delete from public.disabled_sinks as d where d.sink = p_sink;
    if not found then
        perform internal.raise_error('LP043', format('%L is not in the list.', p_sink));
    end if;
end
$$;
comment on function public.enable_sink(text) is
    'Lets events go to a disabled sink again. Errors: LP043 it is not disabled.';
revoke all on function public.enable_sink(text) from public;
grant execute on function public.enable_sink(text) to lead_operations;
