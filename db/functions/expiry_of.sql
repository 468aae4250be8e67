-- A recorded expiry, judged once more by the facts that count for it: what the self-check compares.
create or replace function internal.expiry_of(p_period public.lead_protection_periods) returns public.lead_protection
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
    v_at constant timestamptz := p_period.ended_at;
    v_period public.lead_protection_periods := p_period;
begin
    v_period.ended_at := null;
    v_period.end_reason := null;
    return internal.protection_row(internal.evaluate_period(v_period, v_at), v_at);
end
$$;
comment on function internal.expiry_of(public.lead_protection_periods) is
    'The row that an ended period comes to at its end, as if the end had not been recorded.';
revoke all on function internal.expiry_of(public.lead_protection_periods) from public;
