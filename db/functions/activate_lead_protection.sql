-- What the insert trigger does, for event handlers that cannot know whether it has happened: idempotent.
-- security definer: Module 02 has no right on the machinery.
create or replace function public.activate_lead_protection(lead_id bigint, user_id bigint)
returns public.lead_protection
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
    v_row public.lead_protection;
begin
    -- Every lead has had its protection since its insert; what is left to do is to check and to answer.
    select v.* into strict v_row
      from internal.lock_own_lead(activate_lead_protection.lead_id, activate_lead_protection.user_id) as c
     cross join lateral internal.protection_row(c, now()) as v;
    return v_row;
end
$$;
comment on function public.activate_lead_protection(bigint, bigint) is
    'The lead''s protection for this user, which its insert started. Errors: LP001 unknown lead, LP002 other user.';
revoke all on function public.activate_lead_protection(bigint, bigint) from public;
grant execute on function public.activate_lead_protection(bigint, bigint) to module02_writer;
