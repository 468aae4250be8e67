-- The rules (docs/rules.md, Evaluation): from the facts of a period to its clocks as of p_at. They are written here and
-- in its steps start_clocks, close_clocks and settle_clocks. Deadlines are kept with an open hold left out (see
-- deadline_on_hold), so that the result stays true while time passes.
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
    v_clocks internal.lead_clocks := internal.start_clocks(p_period, p_facts, p_at);
    v_started_at constant timestamptz := p_period.started_at;
    v_term constant interval := p_policy.base_term + coalesce(p_facts.extension, interval '0');
    v_zone constant text := p_policy.time_zone;
    v_open_since constant timestamptz := case when v_clocks.held_until = 'infinity' then v_clocks.held_since end;
    -- An open hold counts as ending now, or at a later release planned for a hold beside it.
    v_held_until constant timestamptz := greatest(p_at, v_clocks.planned_until);
    v_holds tstzmultirange := p_facts.holds;
    v_anchor timestamptz := v_started_at;
    v_base_now timestamptz;
    v_over_at timestamptz;
    v_due_now timestamptz;
    v_fact internal.clock_fact;
begin
    if v_open_since is not null then
        v_holds := v_holds - tstzmultirange(tstzrange(v_open_since, null));
    end if;
    v_clocks.base_expires_at := internal.deadline(v_started_at, v_term, v_zone, v_holds);
    v_clocks.reminder_due_at := internal.deadline(v_anchor, p_policy.activity_interval, v_zone, v_holds);
    v_base_now := internal.deadline_on_hold(v_clocks.base_expires_at, v_started_at, v_open_since, v_held_until);
    v_over_at := v_base_now;

    foreach v_fact in array coalesce(p_facts.clock_facts, '{}')
    loop
        exit when v_fact.at >= v_over_at;
        if v_fact.is_activity then
            v_anchor := v_fact.at;
            v_clocks.last_qualified_activity_at := v_fact.at;
            v_clocks.reminder_due_at := internal.deadline(v_anchor, p_policy.activity_interval, v_zone, v_holds);
            v_clocks.reminder_sent_at := null;
            v_over_at := v_base_now;
            v_clocks.stale_at := null;
        elsif v_clocks.reminder_sent_at is null then
            v_due_now := internal.deadline_on_hold(v_clocks.reminder_due_at, v_anchor, v_open_since, v_held_until);
            if v_fact.window_start >= timezone(v_zone, v_due_now)::date then
                v_clocks.reminder_sent_at := v_fact.at;
                v_clocks.grace_ends_at := internal.deadline(v_fact.at, p_policy.grace_period, v_zone, v_holds);
                v_over_at := least(
                    v_base_now,
                    internal.deadline_on_hold(v_clocks.grace_ends_at, v_fact.at, v_open_since, v_held_until)
                );
                -- Sent before its due moment, which an open hold still pushes: once that has moved past
                -- the reminder's window it no longer counts, and the row must be computed anew.
                if v_open_since is not null and greatest(v_open_since, v_anchor) < v_clocks.reminder_due_at then
                    v_clocks.stale_at := internal.add_elapsed(
                        timezone(v_zone, v_fact.window_start + time '00:00' + interval '1 day'),
                        v_clocks.reminder_due_at, greatest(v_open_since, v_anchor)
                    );
                end if;
            end if;
        end if;
    end loop;

    if p_at >= least(v_over_at, p_period.ended_at) then
        v_clocks := internal.close_clocks(v_clocks, p_period, p_policy, p_facts, v_over_at, p_at);
        if v_clocks.ended_at is not null then
            return v_clocks;
        end if;
    end if;
    return internal.settle_clocks(v_clocks, p_policy, v_over_at, p_at);
end
$$;
comment on function internal.run_clocks(
    public.lead_protection_periods, public.protection_policies, internal.lead_facts, timestamptz
) is
    'Clocks of a period as of p_at, from facts dated up to p_at. Pure: reads nothing but its arguments.';
revoke all on function internal.run_clocks(
    public.lead_protection_periods, public.protection_policies, internal.lead_facts, timestamptz
) from public;
