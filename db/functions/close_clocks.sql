-- A protection that is over keeps its last values: what is dated after its end changes none of them, and no hold stops
-- its clocks any more. One whose end is recorded shows that.
create or replace function internal.close_clocks(
    p_clocks internal.lead_clocks,
    p_period public.lead_protection_periods,
    p_policy public.protection_policies,
    p_facts internal.lead_facts,
    p_over_at timestamptz,
    p_at timestamptz
) returns internal.lead_clocks
language plpgsql
immutable
set search_path = pg_catalog, pg_temp
as $$
declare
    v_clocks internal.lead_clocks := p_clocks;
    v_anchor constant timestamptz := coalesce(p_clocks.last_qualified_activity_at, p_clocks.started_at);
    v_open_since constant timestamptz := case when p_clocks.held_until = 'infinity' then p_clocks.held_since end;
    v_held_until constant timestamptz := greatest(p_at, p_clocks.planned_until);
    v_holds constant tstzmultirange := p_facts.holds * tstzmultirange(tstzrange(null, p_over_at));
begin
    if p_at >= p_over_at then
        v_clocks.base_expires_at := internal.deadline(
            p_clocks.started_at, p_policy.base_term + coalesce(p_facts.extension, interval '0'), p_policy.time_zone,
            v_holds
        );
        v_clocks.reminder_due_at := internal.deadline(
            v_anchor, p_policy.activity_interval, p_policy.time_zone, v_holds
        );
    else
        v_clocks.base_expires_at := internal.deadline_on_hold(
            p_clocks.base_expires_at, p_clocks.started_at, v_open_since, v_held_until
        );
        v_clocks.reminder_due_at := internal.deadline_on_hold(
            p_clocks.reminder_due_at, v_anchor, v_open_since, v_held_until
        );
    end if;
    v_clocks.held_since := null;
    v_clocks.held_until := null;
    v_clocks.planned_until := null;
    v_clocks.stale_at := null;
    if p_at >= p_period.ended_at then
        v_clocks.ended_at := p_period.ended_at;
        v_clocks.end_reason := p_period.end_reason;
        v_clocks.state := case p_period.end_reason when 'CONVERTED' then 'CONVERTED' else 'EXPIRED' end;
        v_clocks.protection_expires_at := case when v_clocks.state = 'EXPIRED' then p_period.ended_at end;
        v_clocks.reminder_sent_at := null;
        v_clocks.grace_ends_at := null;
        v_clocks.steady_until := 'infinity';
    end if;
    return v_clocks;
end
$$;
comment on function internal.close_clocks(
    internal.lead_clocks, public.lead_protection_periods, public.protection_policies, internal.lead_facts,
    timestamptz, timestamptz
) is
    'The last values of a protection that is over, or whose period has ended, as of p_at; ended_at is null until its end is recorded.';
revoke all on function internal.close_clocks(
    internal.lead_clocks, public.lead_protection_periods, public.protection_policies, internal.lead_facts,
    timestamptz, timestamptz
) from public;
