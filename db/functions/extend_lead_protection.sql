-- On request, with a reason, the base term grows from now on.
-- security definer: operations call procedures, they do not write tables.
create or replace procedure public.extend_lead_protection(
    lead_id bigint,
    user_id bigint,
    extension interval,
    reason text,
    actor_id bigint default null
)
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
    v_extension_id bigint;
    v_row public.lead_protection;
begin
    insert into public.lead_extensions (lead_id, user_id, extension, reason, granted_by)
    values (
        extend_lead_protection.lead_id, extend_lead_protection.user_id, extend_lead_protection.extension,
        extend_lead_protection.reason, extend_lead_protection.actor_id
    )
    returning id into v_extension_id;
    select v.* into strict v_row
      from internal.lead_clocks as c
     cross join lateral internal.protection_row(c, now()) as v
     where c.lead_id = extend_lead_protection.lead_id;
    perform internal.write_event(
        'lead.protection.extended', now(), v_row, null,
        jsonb_build_object(
            'extensionId', v_extension_id, 'baseExpiresAt', internal.format_rfc3339(v_row.base_expires_at)
        )
    );
end
$$;
comment on procedure public.extend_lead_protection(bigint, bigint, interval, text, bigint) is
    'Grows the base term of a running protection. Errors: LP001 unknown lead, LP002 user does not hold the protection, LP003 protection is over, LP004 blank reason, LP010 extension with negative or no parts, over 50 years, or past 2100.';
revoke all on procedure public.extend_lead_protection(bigint, bigint, interval, text, bigint) from public;
grant execute on procedure public.extend_lead_protection(bigint, bigint, interval, text, bigint) to lead_operations;
