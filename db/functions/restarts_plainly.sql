-- Whether an activity only restarts its lead's clock: it is newer than all that is known of the lead and meets
-- no reminder, no deadline and no hold but one that began before it and is still open. Inlined.
create or replace function internal.restarts_plainly(
    p_clocks internal.lead_clocks,
    p_first_at timestamptz,
    p_last_at timestamptz
) returns boolean
language sql
stable parallel safe
return (p_clocks).state = 'PROTECTED'
    and p_first_at >= coalesce((p_clocks).last_qualified_activity_at, (p_clocks).started_at)
    and (p_clocks).reminder_sent_at is null
    and not (p_clocks).has_queued_reminder
    and case
        when (p_clocks).held_until = 'infinity'
            then (p_clocks).held_since <= p_first_at and (p_clocks).planned_until is null
                and not internal.has_reminder_since((p_clocks).lead_id, p_first_at)
        -- A release that was planned when the row was stored: from then on the row is another.
        when (p_clocks).held_until is not null then false
        else p_last_at < (p_clocks).base_expires_at and now() < (p_clocks).reminder_due_at
            and case
                -- A hold since the clock's last start counts to the second, the interval by the calendar: in
                -- spring the activity may move the window back by an hour, and a day.
                when (p_clocks).last_held_until > coalesce((p_clocks).last_qualified_activity_at, (p_clocks).started_at)
                    then (p_clocks).last_held_until <= p_first_at
                        and not internal.has_reminder_since((p_clocks).lead_id, p_first_at)
                else true
            end
    end;
comment on function internal.restarts_plainly(internal.lead_clocks, timestamptz, timestamptz) is
    'True when restarted_clock gives what run_clocks would for qualified activities from p_first_at to p_last_at.';
revoke all on function internal.restarts_plainly(internal.lead_clocks, timestamptz, timestamptz) from public;
