-- One list of refusals (error_codes): message and standing hint come from there, the detail from the caller.
-- security definer: whoever is refused needs no right on the list.
create or replace function internal.raise_error(p_code text, p_detail text) returns void
language plpgsql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_error public.error_codes;
begin
    select * into strict v_error from public.error_codes as e where e.code = p_code;
    raise exception using errcode = v_error.code, message = v_error.message, detail = p_detail, hint = v_error.hint;
end
$$;
comment on function internal.raise_error(text, text) is
    'Raises a code of error_codes with its message and hint; p_detail names the values. Never returns.';
revoke all on function internal.raise_error(text, text) from public;
