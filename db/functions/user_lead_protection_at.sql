-- The whole view as of a moment: every lead is computed from its facts, so it costs what exists.
-- security definer: readers have no right on the facts.
create or replace function public.user_lead_protection_at(at timestamptz)
returns setof public.lead_protection
language sql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
    select v.*
      from (select internal.checked_moment(coalesce($1, now()), 'at', true) as at) as m
     cross join public.leads as l
     cross join lateral internal.protection_at(l.id, m.at) as v
$$;
comment on function public.user_lead_protection_at(timestamptz) is
    'v_user_lead_protection as of a moment, past or future (null: now); leads not yet started are left out. Errors: LP006 moment out of range.';
revoke all on function public.user_lead_protection_at(timestamptz) from public;
grant execute on function public.user_lead_protection_at(timestamptz) to lead_operations;
