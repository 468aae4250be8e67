-- The receiver is back, or its 410 was a mistake, or its pause too long: a person says so, the next pass publishes.
-- security definer: operations may read the lists, and change them by this.
create or replace function public.enable_sink(p_sink text) returns void
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_is_paused boolean;
begin
    delete from public.paused_sinks as p where p.sink = p_sink and p.paused_until > clock_timestamp();
    v_is_paused := found;
    delete from public.disabled_sinks as d where d.sink = p_sink;
    if not found and not v_is_paused then
        perform internal.raise_error('LP043', format('%L is not in the list.', p_sink));
    end if;
end
$$;
comment on function public.enable_sink(text) is
    'Lets events go to a disabled or paused sink again. Errors: LP043 it is neither.';
revoke all on function public.enable_sink(text) from public;
grant execute on function public.enable_sink(text) to lead_operations;
