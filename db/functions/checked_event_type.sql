-- Who looks for events of a type that there is not is told so, instead of finding none.
create or replace function internal.checked_event_type(p_event_type text) returns text
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
    if p_event_type is not null
        and not exists (select from public.event_types as t where t.event_type = p_event_type)
    then
        perform internal.raise_error('LP026', format('The type given is %L.', left(p_event_type, 100)));
    end if;
    return p_event_type;
end
$$;
comment on function internal.checked_event_type(text) is
    'p_event_type, if it is null or registered. Errors: LP026 it is not.';
revoke all on function internal.checked_event_type(text) from public;
