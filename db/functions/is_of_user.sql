-- A supposed fact without a user is the protecting user's. One with something that is no user's id would count for
-- nobody, and its answer mislead.
create or replace function internal.is_of_user(p_fact jsonb, p_user_id bigint) returns boolean
language plpgsql
stable parallel safe
set search_path = pg_catalog, pg_temp
as $$
declare
    v_user constant jsonb := coalesce(p_fact -> 'user_id', 'null');
begin
    if v_user <> 'null' and not v_user @? 'strict $ ? (@.floor() == @)' then
        perform internal.raise_error('LP016', format('user_id is %s.', left(v_user::text, 100)));
    end if;
    return v_user in ('null', to_jsonb(p_user_id));
end
$$;
comment on function internal.is_of_user(jsonb, bigint) is
    'Whether a supposed fact names p_user_id or nobody. Errors: LP016 not a user''s id.';
revoke all on function internal.is_of_user(jsonb, bigint) from public;
