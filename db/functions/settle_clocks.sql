-- What follows from clocks that have run up to p_at: the state, what shows and until when it does, and when the
-- sweeps must look at the lead (docs/rules.md, Evaluation, step 4).
create or replace function internal.settle_clocks(
    p_clocks internal.lead_clocks,
    p_policy public.protection_policies,
    p_over_at timestamptz,
    p_at timestamptz
) returns internal.lead_clocks
language plpgsql
immutable
set search_path = pg_catalog, pg_temp
as $$
declare
    v_clocks internal.lead_clocks := p_clocks;
    v_open_since constant timestamptz := case when p_clocks.held_until = 'infinity' then p_clocks.held_since end;
    v_due_now constant timestamptz := internal.deadline_on_hold(
        p_clocks.reminder_due_at, coalesce(p_clocks.last_qualified_activity_at, p_clocks.started_at),
        v_open_since, greatest(p_at, p_clocks.planned_until)
    );
begin
    if v_clocks.reminder_sent_at is null then
        v_clocks.grace_ends_at := internal.add_local(
            v_clocks.reminder_due_at, p_policy.grace_period, p_policy.time_zone
        );
    end if;
    v_clocks.state := case
        when p_at >= p_over_at then 'EXPIRED'
        when v_clocks.reminder_sent_at is not null then 'GRACE'
        when p_at >= v_due_now then 'REMINDER_DUE'
        else 'PROTECTED'
    end;
    v_clocks.protection_expires_at := least(v_clocks.base_expires_at, v_clocks.grace_ends_at);
    v_clocks.steady_until := case
        when v_open_since is not null or v_clocks.state in ('EXPIRED', 'REMINDER_DUE') then '-infinity'
        when v_clocks.state = 'GRACE' then least(p_over_at, v_clocks.held_until)
        else least(v_clocks.reminder_due_at, p_over_at, v_clocks.held_until)
    end;
    if v_open_since is not null then
        v_clocks.next_expiry_check_at := v_clocks.stale_at;
    else
        -- At a planned release nothing falls due, but the row is stored anew as one without a hold.
        v_clocks.next_expiry_check_at := least(p_over_at, v_clocks.held_until);
        v_clocks.next_reminder_check_at := internal.next_reminder_at(v_clocks, p_policy, '-infinity');
    end if;
    return v_clocks;
end
$$;
comment on function internal.settle_clocks(
    internal.lead_clocks, public.protection_policies, timestamptz, timestamptz
) is
    'Clocks with all that follows from them as of p_at: state, grace_ends_at, protection_expires_at, steady_until and the next checks; p_over_at: when protection is over, an open hold counted.';
revoke all on function internal.settle_clocks(
    internal.lead_clocks, public.protection_policies, timestamptz, timestamptz
) from public;
