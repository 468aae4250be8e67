-- What every procedure of operations asks first: does this user hold this lead?
create or replace function internal.lock_own_lead(p_lead_id bigint, p_user_id bigint) returns internal.lead_clocks
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    v_clocks constant internal.lead_clocks := internal.lock_lead(p_lead_id);
begin
    perform internal.refuse_foreign(v_clocks, p_user_id);
    return v_clocks;
end
$$;
comment on function internal.lock_own_lead(bigint, bigint) is
    'lock_lead, refusing another user. Errors: LP001 unknown lead, LP002 user does not hold the protection.';
revoke all on function internal.lock_own_lead(bigint, bigint) from public;
