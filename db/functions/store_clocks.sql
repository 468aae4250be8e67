-- Computed clocks go into the one row of their lead; what only the row itself knows stays: so does since when it is
-- known that a reminder falls due, where the fact that is followed has moved nothing of that. It moves nothing where
-- the moment is the same and the reminder could have gone out before, too: no hold and no end stood in its way (for a
-- reminder that did, see follow_reminder).
create or replace function internal.store_clocks(p_clocks internal.lead_clocks) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
    update internal.lead_clocks as c
       set user_id = p_clocks.user_id,
           period_id = p_clocks.period_id,
           policy = p_clocks.policy,
           policy_version = p_clocks.policy_version,
           started_at = p_clocks.started_at,
           state = p_clocks.state,
           steady_until = p_clocks.steady_until,
           protection_expires_at = p_clocks.protection_expires_at,
           last_qualified_activity_at = p_clocks.last_qualified_activity_at,
           base_expires_at = p_clocks.base_expires_at,
           reminder_due_at = p_clocks.reminder_due_at,
           reminder_sent_at = p_clocks.reminder_sent_at,
           grace_ends_at = p_clocks.grace_ends_at,
           held_since = p_clocks.held_since,
           held_until = p_clocks.held_until,
           last_held_until = p_clocks.last_held_until,
           planned_until = p_clocks.planned_until,
           stale_at = p_clocks.stale_at,
           ended_at = p_clocks.ended_at,
           end_reason = p_clocks.end_reason,
           final_until = case
               when p_clocks.end_reason in ('INACTIVITY', 'BASE_TERM') then p_clocks.ended_at
               else c.final_until
           end,
           next_reminder_check_at = p_clocks.next_reminder_check_at,
           next_expiry_check_at = p_clocks.next_expiry_check_at,
           facts_entered_at = greatest(c.facts_entered_at, now()),
           reminder_known_at = case
               when c.period_id = p_clocks.period_id and c.reminder_due_at = p_clocks.reminder_due_at
                   and internal.takes_reminders(c, greatest(now(), c.facts_entered_at))
                   then internal.could_be_sent_since(c, 'INACTIVITY', greatest(now(), c.facts_entered_at))
           end,
           base_known_at = case
               when c.period_id = p_clocks.period_id and c.base_expires_at = p_clocks.base_expires_at
                   and internal.takes_reminders(c, greatest(now(), c.facts_entered_at))
                   then internal.could_be_sent_since(c, 'TERM', greatest(now(), c.facts_entered_at))
           end
     where c.lead_id = p_clocks.lead_id;
end
$$;
comment on function internal.store_clocks(internal.lead_clocks) is 'Writes computed clocks to their lead''s row.';
revoke all on function internal.store_clocks(internal.lead_clocks) from public;
