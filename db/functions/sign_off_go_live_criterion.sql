-- A person answers for what no machine can measure, with a proof that others can look up, and not for ever.
-- security definer: operations sign off, they do not write tables.
create or replace function public.sign_off_go_live_criterion(
    criterion text,
    actor_id bigint,
    reference text,
    valid_for interval default '90 days'
) returns public.go_live_sign_offs
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
    v_signed public.go_live_sign_offs;
    -- As it is counted: a year that is compared as an interval is shorter by five days.
    v_seconds constant numeric := extract(epoch from valid_for);
begin
    perform internal.lock_go_live_question(sign_off_go_live_criterion.criterion);
    if actor_id is null then
        perform internal.raise_error('LP065', format('Criterion %L.', sign_off_go_live_criterion.criterion));
    end if;
    if internal.is_blank(sign_off_go_live_criterion.reference) then
        perform internal.raise_error('LP062', format('Criterion %L.', sign_off_go_live_criterion.criterion));
    end if;
    if v_seconds between 86400 and 366 * 86400 is not true then
        perform internal.raise_error('LP063', format('It was %L.', valid_for::text));
    end if;
    insert into public.go_live_sign_offs (criterion, decision, signed_off_by, reference, expires_at)
    values (
        sign_off_go_live_criterion.criterion, 'SIGNED_OFF', actor_id, sign_off_go_live_criterion.reference,
        now() + make_interval(secs => v_seconds::double precision)
    )
    returning * into v_signed;
    return v_signed;
end
$$;
comment on function public.sign_off_go_live_criterion(text, bigint, text, interval) is
    'Signs a criterion of go-live off, with a reference to the proof, and returns the row written. Errors: LP060 unknown criterion, LP061 measured criterion, LP062 blank reference, LP063 validity out of range, LP065 no actor.';
revoke all on function public.sign_off_go_live_criterion(text, bigint, text, interval) from public;
grant execute on function public.sign_off_go_live_criterion(text, bigint, text, interval) to lead_operations;
