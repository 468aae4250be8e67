-- Members of incoming events are taken as what their schema says, or the event is refused.
create or replace function internal.event_member(p_event jsonb, p_member text, p_type text, p_is_required boolean)
returns text
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
    if jsonb_typeof(p_event) is distinct from 'object' then
        perform internal.raise_error('LP017', format('Not an object: %s.', coalesce(left(p_event::text, 500), 'null')));
    end if;
    if coalesce(p_event -> p_member, 'null') = 'null' then
        if p_is_required then
            perform internal.raise_error('LP017', format('%s is missing.', p_member));
        end if;
        return null;
    end if;
    if jsonb_typeof(p_event -> p_member) <> p_type then
        perform internal.raise_error('LP017', format('%s is not a %s.', p_member, p_type));
    end if;
    return p_event ->> p_member;
exception
    when untranslatable_character then -- a NUL, which no text of PostgreSQL holds
        perform internal.raise_error('LP017', format('%s has a character that cannot be stored.', p_member));
        return null;
end
$$;
comment on function internal.event_member(jsonb, text, text, boolean) is
    'A member of an incoming event as text, of the JSON type p_type; null if absent and not required. Errors: LP017.';
revoke all on function internal.event_member(jsonb, text, text, boolean) from public;
