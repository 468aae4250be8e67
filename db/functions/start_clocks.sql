-- The clocks of a period before any fact has moved them: whose they are, and the hold that stops them at p_at.
create or replace function internal.start_clocks(
    p_period public.lead_protection_periods,
    p_facts internal.lead_facts,
    p_at timestamptz
) returns internal.lead_clocks
language plpgsql
immutable
set search_path = pg_catalog, pg_temp
as $$
declare
    v_clocks internal.lead_clocks;
    v_last_hold tstzrange;
begin
    v_clocks.lead_id := p_period.lead_id;
    v_clocks.user_id := p_period.user_id;
    v_clocks.period_id := p_period.id;
    v_clocks.policy := p_period.policy;
    v_clocks.policy_version := p_period.policy_version;
    v_clocks.started_at := p_period.started_at;
    v_clocks.has_queued_reminder := false;
    v_clocks.facts_entered_at := p_at;
    if p_facts.holds is not null and not isempty(p_facts.holds) then
        select h.hold into v_last_hold from unnest(p_facts.holds) as h (hold) order by h.hold desc limit 1;
        v_clocks.last_held_until := coalesce(upper(v_last_hold), 'infinity');
        if v_clocks.last_held_until > p_at then
            v_clocks.held_since := greatest(lower(v_last_hold), p_period.started_at);
            v_clocks.held_until := v_clocks.last_held_until;
        end if;
        if upper_inf(v_last_hold) then
            v_clocks.planned_until := case when p_facts.last_release_at > p_at then p_facts.last_release_at end;
        end if;
    end if;
    return v_clocks;
end
$$;
comment on function internal.start_clocks(public.lead_protection_periods, internal.lead_facts, timestamptz) is
    'What run_clocks begins with: the period''s own columns and those of its last hold as of p_at, all others null.';
revoke all on function internal.start_clocks(
    public.lead_protection_periods, internal.lead_facts, timestamptz
) from public;
