-- The row of a lead as of a moment that has been checked.
create or replace function internal.protection_at(
    p_lead_id bigint,
    p_at timestamptz,
    p_hypothetical internal.lead_facts default null
) returns setof public.lead_protection
language plpgsql
stable
rows 1
set search_path = pg_catalog, pg_temp
as $$
declare
    v_clocks internal.lead_clocks;
begin
    select c.* into v_clocks from internal.clocks_at(p_lead_id, p_at, p_hypothetical) as c;
    if found then
        return next internal.protection_row(v_clocks, p_at);
    end if;
end
$$;
comment on function internal.protection_at(bigint, timestamptz, internal.lead_facts) is
    'The row of v_user_lead_protection as of p_at, with p_hypothetical facts added; none before the lead''s start.';
revoke all on function internal.protection_at(bigint, timestamptz, internal.lead_facts) from public;
