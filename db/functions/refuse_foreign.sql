-- Whoever asks something of a protection must hold it.
create or replace function internal.refuse_foreign(p_clocks internal.lead_clocks, p_user_id bigint) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
    if p_clocks.user_id is distinct from p_user_id then
        perform internal.raise_error('LP002', format(
            'Lead %s is protected for user %s, not for user %s.',
            p_clocks.lead_id, p_clocks.user_id, coalesce(p_user_id::text, 'null')
        ));
    end if;
end
$$;
comment on function internal.refuse_foreign(internal.lead_clocks, bigint) is
    'Refuses a user who does not hold the protection of a locked lead. Errors: LP002.';
revoke all on function internal.refuse_foreign(internal.lead_clocks, bigint) from public;
