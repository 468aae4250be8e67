-- Whose was this lead at that moment, until when, and in what state.
-- security definer: readers have no right on the facts.
-- In PL/pgSQL, which keeps its plan: making it takes as long as answering.
create or replace function public.lead_protection_at(lead_id bigint, at timestamptz)
returns setof public.lead_protection
language plpgsql
stable
security definer
rows 1
set search_path = pg_catalog, pg_temp
as $$
declare
    v_at constant timestamptz := internal.checked_moment(coalesce(lead_protection_at.at, now()), 'at', true);
begin
    return query select v.* from internal.protection_at(lead_protection_at.lead_id, v_at) as v;
end
$$;
comment on function public.lead_protection_at(bigint, timestamptz) is
    'The row of v_user_lead_protection as of a moment, past or future (null: now); none before the lead''s start or for an unknown lead. Errors: LP006 moment out of range.';
revoke all on function public.lead_protection_at(bigint, timestamptz) from public;
grant execute on function public.lead_protection_at(bigint, timestamptz) to lead_operations;
