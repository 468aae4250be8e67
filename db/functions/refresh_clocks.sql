-- After any change of facts that is more than "one newer activity": compute the lead's latest period anew.
-- A reminder no longer due is withdrawn; an activity that ended a grace or a due reminder is told.
create or replace function internal.refresh_clocks(
    p_before internal.lead_clocks,
    p_activity_at timestamptz default null
) returns internal.lead_clocks
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    -- A transaction that began later may have entered facts already: they exist, although they lie ahead of
    -- this transaction's now().
    v_at constant timestamptz := greatest(now(), p_before.facts_entered_at);
    v_period public.lead_protection_periods;
    v_clocks internal.lead_clocks;
begin
    select p.* into strict v_period from public.lead_protection_periods as p where p.id = p_before.period_id;
    v_clocks := internal.evaluate_period(v_period, v_at);
    perform internal.store_clocks(v_clocks);
    if p_before.has_queued_reminder then
        perform internal.withdraw_reminders(v_clocks);
    end if;
    if p_activity_at is not null then
        perform internal.tell_reactivation(p_before, v_clocks, p_activity_at, v_at);
    elsif v_clocks.last_qualified_activity_at > coalesce(p_before.last_qualified_activity_at, p_before.started_at)
        and (
            internal.state_at(p_before, v_at) in ('GRACE', 'REMINDER_DUE')
            -- Or in a grace that has run out since, unless something else ended the protection before.
            or p_before.reminder_sent_at is not null and p_before.grace_ends_at < p_before.base_expires_at
            and v_clocks.last_qualified_activity_at < p_before.grace_ends_at
        )
    then
        -- One that came in one statement with the fact that is followed here, and before its own trigger.
        perform internal.tell_reactivation(p_before, v_clocks, v_clocks.last_qualified_activity_at, v_at);
    end if;
    return v_clocks;
end
$$;
comment on function internal.refresh_clocks(internal.lead_clocks, timestamptz) is
    'Recomputes and stores the clocks of a locked lead; p_activity_at: moment of the activity that caused it, else null.';
revoke all on function internal.refresh_clocks(internal.lead_clocks, timestamptz) from public;
