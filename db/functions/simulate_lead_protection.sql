-- "What if": supposed activities and holds of the protecting user are added to the stored facts. Nothing
-- is written, so sales and operations may try a hold before they ask for it.
-- security definer: readers have no right on the facts.
create or replace function public.simulate_lead_protection(
    lead_id bigint,
    facts jsonb,
    at timestamptz default null
) returns setof public.lead_protection
language plpgsql
stable
security definer
rows 1
set search_path = pg_catalog, pg_temp
set timezone = 'UTC' -- until the policy's is known
set datestyle = 'ISO, YMD' -- 03/04/2026 is a day that depends on the reader: refused
as $$
#variable_conflict use_column
declare
    v_at constant timestamptz := internal.checked_moment(coalesce(simulate_lead_protection.at, now()), 'at', true);
begin
    if not exists (select from public.leads as l where l.id = simulate_lead_protection.lead_id) then
        perform internal.raise_error('LP001', format(
            'No lead has id %s.', coalesce(simulate_lead_protection.lead_id::text, 'null')
        ));
    end if;
    if jsonb_path_exists(
        simulate_lead_protection.facts,
        '$.*[*] ? (@.lead_id.type() != "null" && !(@.lead_id.type() == "number" && @.lead_id == $lead))',
        jsonb_build_object('lead', simulate_lead_protection.lead_id), true
    ) then
        perform internal.raise_error('LP016', format(
            'A fact is of another lead than %s: %s.', simulate_lead_protection.lead_id,
            left(simulate_lead_protection.facts::text, 500)
        ));
    end if;
    -- A time without an offset is one of the protection's zone, never of the session's.
    perform set_config('timezone', coalesce(
        (select o.time_zone
           from public.lead_protection_periods as p
           join public.protection_policies as o on o.policy = p.policy and o.version = p.policy_version
          where p.lead_id = simulate_lead_protection.lead_id and p.started_at <= v_at
          order by p.started_at desc, p.id desc
          limit 1),
        internal.business_time_zone()
    ), true);
    return query
        select v.*
          from internal.protection_at(
                   simulate_lead_protection.lead_id, v_at,
                   internal.supposed_facts(
                       simulate_lead_protection.facts,
                       (select p.user_id from internal.protection_at(simulate_lead_protection.lead_id, v_at) as p),
                       v_at
                   )
               ) as v;
end
$$;
comment on function public.simulate_lead_protection(bigint, jsonb, timestamptz) is
    'The row of v_user_lead_protection at a moment (null: now) if facts existed: {"activities": [{"occurred_at", "activity_type" (QUALIFIED_CALL), "user_id" (the protecting one)}], "holds": [{"start_at", "end_at" (open), "user_id"}]}; a time without an offset is one of the policy''s zone. Changes nothing. Errors: LP001 unknown lead, LP004, LP005, LP006, LP008, LP016 malformed facts.';
revoke all on function public.simulate_lead_protection(bigint, jsonb, timestamptz) from public;
grant execute on function public.simulate_lead_protection(bigint, jsonb, timestamptz) to lead_operations;
