-- A recorded expiry is final: a fact that it was judged by is neither corrected nor deleted.
create or replace function internal.refuse_final(
    p_fact text,
    p_lead_id bigint,
    p_user_id bigint,
    p_from timestamptz,
    p_until timestamptz,
    p_counts_from timestamptz
) returns void
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
    v_final_end constant timestamptz := internal.final_end(p_lead_id, p_user_id, p_from, p_until);
begin
    -- A fact that itself came after the recording (counts_from) decided nothing: it may be put right.
    if v_final_end > coalesce(p_counts_from, '-infinity') then
        perform internal.raise_error('LP014', format(
            '%s of lead %s, dated %s, lies in the protection that ended at %s.',
            p_fact, p_lead_id, p_from, v_final_end
        ));
    end if;
end
$$;
comment on function internal.refuse_final(text, bigint, bigint, timestamptz, timestamptz, timestamptz) is
    'Refuses to touch a fact inside a recorded expiry. Errors: LP014.';
revoke all on function internal.refuse_final(text, bigint, bigint, timestamptz, timestamptz, timestamptz) from public;
