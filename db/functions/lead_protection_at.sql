-- Whose was this lead at that moment, until when, and in what state.
-- security definer: readers have no right on the facts.
create or replace function public.lead_protection_at(lead_id bigint, at timestamptz)
returns setof public.lead_protection
language sql
stable
security definer
rows 1
set search_path = pg_catalog, pg_temp
as $$
    select v.*
      from (select internal.checked_moment(coalesce($2, now()), 'at', true) as at) as m
     cross join lateral internal.protection_at($1, m.at) as v
$$;
comment on function public.lead_protection_at(bigint, timestamptz) is
    'The row of v_user_lead_protection as of a moment, past or future (null: now); none before the lead''s start or for an unknown lead. Errors: LP006 moment out of range.';
revoke all on function public.lead_protection_at(bigint, timestamptz) from public;
grant execute on function public.lead_protection_at(bigint, timestamptz) to lead_operations;
