-- What was signed off does not hold any more: none of the sign-offs so far counts from now on, and all stay on record.
-- security definer: operations sign off, they do not write tables.
create or replace function public.withdraw_go_live_sign_off(criterion text, actor_id bigint, reason text)
returns public.go_live_sign_offs
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
    v_withdrawn public.go_live_sign_offs;
begin
    perform internal.lock_go_live_question(withdraw_go_live_sign_off.criterion);
    if actor_id is null then
        perform internal.raise_error('LP065', format('Criterion %L.', withdraw_go_live_sign_off.criterion));
    end if;
    if internal.is_blank(reason) then
        perform internal.raise_error('LP062', format('Criterion %L.', withdraw_go_live_sign_off.criterion));
    end if;
    perform from public.go_live_criteria as c
      where c.criterion = withdraw_go_live_sign_off.criterion and c.status = 'PASS';
    if not found then
        perform internal.raise_error('LP064', format('Criterion %L.', withdraw_go_live_sign_off.criterion));
    end if;
    insert into public.go_live_sign_offs (criterion, decision, signed_off_by, reference)
    values (withdraw_go_live_sign_off.criterion, 'WITHDRAWN', actor_id, reason)
    returning * into v_withdrawn;
    return v_withdrawn;
end
$$;
comment on function public.withdraw_go_live_sign_off(text, bigint, text) is
    'Withdraws what was signed off for a criterion of go-live and returns the row written. Errors: LP060 unknown criterion, LP061 measured criterion, LP062 blank reason, LP064 not signed off, LP065 no actor.';
revoke all on function public.withdraw_go_live_sign_off(text, bigint, text) from public;
grant execute on function public.withdraw_go_live_sign_off(text, bigint, text) to lead_operations;
