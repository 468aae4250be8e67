-- The rules (docs/rules.md, Evaluation), and the only place where they are written: from the facts of a period
-- to its clocks as of p_at. Deadlines are kept with an open hold left out (see deadline_on_hold), so that
-- the result stays true while time passes.
create or replace function internal.run_clocks(
    p_period public.lead_protection_periods,
    p_policy public.protection_policies,
    p_facts internal.lead_facts,
    p_at timestamptz
) returns internal.lead_clocks
language plpgsql
immutable
set search_path = pg_catalog, pg_temp
as $$
declare
    v_clocks internal.lead_clocks;
    v_started_at constant timestamptz := p_period.started_at;
    v_term constant interval := p_policy.base_term + coalesce(p_facts.extension, interval '0');
    v_holds tstzmultirange := p_facts.holds;
    v_last_hold tstzrange;
    v_open_since timestamptz;
    v_held_until timestamptz := p_at;
    v_anchor timestamptz := v_started_at;
    v_grace_ends_at timestamptz;
    v_base_now timestamptz;
    v_over_at timestamptz;
    v_due_now timestamptz;
    v_fact internal.clock_fact;
begin
    if v_holds is not null and not isempty(v_holds) then
        select h.hold into v_last_hold from unnest(v_holds) as h (hold) order by h.hold desc limit 1;
        v_clocks.last_held_until := coalesce(upper(v_last_hold), 'infinity');
        if v_clocks.last_held_until > p_at then
            v_clocks.held_since := greatest(lower(v_last_hold), v_started_at);
            v_clocks.held_until := v_clocks.last_held_until;
        end if;
        if upper_inf(v_last_hold) then
            -- It counts as ending now, or at a later release planned for a hold beside it.
            v_open_since := v_clocks.held_since;
            v_clocks.planned_until := case when p_facts.last_release_at > p_at then p_facts.last_release_at end;
            v_held_until := greatest(p_at, v_clocks.planned_until);
            v_holds := v_holds - tstzmultirange(v_last_hold);
        end if;
    end if;

    v_clocks.base_expires_at := internal.deadline(v_started_at, v_term, p_policy.time_zone, v_holds);
    v_clocks.reminder_due_at := internal.deadline(v_anchor, p_policy.activity_interval, p_policy.time_zone, v_holds);
    v_base_now := internal.deadline_on_hold(v_clocks.base_expires_at, v_started_at, v_open_since, v_held_until);
    v_over_at := v_base_now;

    foreach v_fact in array coalesce(p_facts.clock_facts, '{}')
    loop
        exit when v_fact.at >= v_over_at;
        if v_fact.is_activity then
            v_anchor := v_fact.at;
            v_clocks.last_qualified_activity_at := v_fact.at;
            v_clocks.reminder_due_at := internal.deadline(
                v_anchor, p_policy.activity_interval, p_policy.time_zone, v_holds
            );
            v_clocks.reminder_sent_at := null;
            v_over_at := v_base_now;
            v_clocks.stale_at := null;
        elsif v_clocks.reminder_sent_at is null then
            v_due_now := internal.deadline_on_hold(v_clocks.reminder_due_at, v_anchor, v_open_since, v_held_until);
            if v_fact.window_start >= timezone(p_policy.time_zone, v_due_now)::date then
                v_clocks.reminder_sent_at := v_fact.at;
                v_grace_ends_at := internal.deadline(
                    v_fact.at, p_policy.grace_period, p_policy.time_zone, v_holds
                );
                v_over_at := least(
                    v_base_now,
                    internal.deadline_on_hold(v_grace_ends_at, v_fact.at, v_open_since, v_held_until)
                );
                -- Sent before its due moment, which an open hold still pushes: once that has moved past
                -- the reminder's window it no longer counts, and the row must be computed anew.
                if v_open_since is not null and greatest(v_open_since, v_anchor) < v_clocks.reminder_due_at then
                    v_clocks.stale_at := internal.add_elapsed(
                        timezone(p_policy.time_zone, v_fact.window_start + time '00:00' + interval '1 day'),
                        v_clocks.reminder_due_at, greatest(v_open_since, v_anchor)
                    );
                end if;
            end if;
        end if;
    end loop;

    if p_at >= v_over_at then
        -- Over: what is dated after the end changes none of its last values.
        v_holds := p_facts.holds * tstzmultirange(tstzrange(null, v_over_at));
        v_clocks.held_since := null;
        v_clocks.held_until := null;
        v_clocks.planned_until := null;
        v_clocks.stale_at := null;
        v_clocks.base_expires_at := internal.deadline(v_started_at, v_term, p_policy.time_zone, v_holds);
        v_clocks.reminder_due_at := internal.deadline(
            v_anchor, p_policy.activity_interval, p_policy.time_zone, v_holds
        );
    elsif p_at >= p_period.ended_at then
        v_clocks.base_expires_at := v_base_now;
        v_clocks.reminder_due_at := internal.deadline_on_hold(
            v_clocks.reminder_due_at, v_anchor, v_open_since, v_held_until
        );
        v_clocks.held_since := null;
        v_clocks.held_until := null;
        v_clocks.planned_until := null;
        v_clocks.stale_at := null;
    end if;

    v_clocks.lead_id := p_period.lead_id;
    v_clocks.user_id := p_period.user_id;
    v_clocks.period_id := p_period.id;
    v_clocks.policy := p_period.policy;
    v_clocks.policy_version := p_period.policy_version;
    v_clocks.started_at := v_started_at;
    v_clocks.has_queued_reminder := false;
    v_clocks.facts_entered_at := p_at;

    if p_at >= p_period.ended_at then
        v_clocks.ended_at := p_period.ended_at;
        v_clocks.end_reason := p_period.end_reason;
        v_clocks.state := case p_period.end_reason when 'CONVERTED' then 'CONVERTED' else 'EXPIRED' end;
        v_clocks.protection_expires_at := case when v_clocks.state = 'EXPIRED' then p_period.ended_at end;
        v_clocks.reminder_sent_at := null;
        v_clocks.steady_until := 'infinity';
        return v_clocks;
    end if;

    v_clocks.grace_ends_at := case
        when v_clocks.reminder_sent_at is not null then v_grace_ends_at
        else internal.add_local(v_clocks.reminder_due_at, p_policy.grace_period, p_policy.time_zone)
    end;
    v_clocks.state := case
        when p_at >= v_over_at then 'EXPIRED'
        when v_clocks.reminder_sent_at is not null then 'GRACE'
        when p_at >= internal.deadline_on_hold(v_clocks.reminder_due_at, v_anchor, v_open_since, v_held_until)
            then 'REMINDER_DUE'
        else 'PROTECTED'
    end;
    v_clocks.protection_expires_at := least(v_clocks.base_expires_at, v_clocks.grace_ends_at);
    v_clocks.steady_until := case
        when v_open_since is not null or v_clocks.state in ('EXPIRED', 'REMINDER_DUE') then '-infinity'
        when v_clocks.state = 'GRACE' then least(v_over_at, v_clocks.held_until)
        else least(v_clocks.reminder_due_at, v_over_at, v_clocks.held_until)
    end;
    if v_open_since is not null and p_at < v_over_at then
        v_clocks.next_expiry_check_at := v_clocks.stale_at;
    else
        -- At a planned release nothing falls due, but the row is stored anew as one without a hold.
        v_clocks.next_expiry_check_at := least(v_over_at, v_clocks.held_until);
        v_clocks.next_reminder_check_at := internal.next_reminder_at(v_clocks, p_policy, '-infinity');
    end if;
    return v_clocks;
end
$$;
comment on function internal.run_clocks(
    public.lead_protection_periods, public.protection_policies, internal.lead_facts, timestamptz
) is
    'Clocks of a period as of p_at, from facts dated up to p_at. Pure: reads nothing but its arguments.';
revoke all on function internal.run_clocks(
    public.lead_protection_periods, public.protection_policies, internal.lead_facts, timestamptz
) from public;
