-- The state that protection_row comes to, alone and as one expression, so that a million rows are counted in a
-- fraction of a second. A deadline under an open hold has passed only if it had when the hold began. Inlined.
create or replace function internal.state_at(p_clocks internal.lead_clocks, p_at timestamptz) returns text
language sql
stable
return case
    when p_at < (p_clocks).steady_until then (p_clocks).state
    when (p_clocks).ended_at is not null
        then case when (p_clocks).end_reason = 'CONVERTED' then 'CONVERTED' else 'EXPIRED' end
    when p_at >= (p_clocks).stale_at then (internal.protection_row(p_clocks, p_at)).state
    when p_at >= (p_clocks).base_expires_at and (
        (p_clocks).held_until is distinct from 'infinity'
        or greatest((p_clocks).held_since, (p_clocks).started_at) >= (p_clocks).base_expires_at
    ) then 'EXPIRED'
    when (p_clocks).reminder_sent_at is not null
        then case
            when p_at >= (p_clocks).grace_ends_at and (
                (p_clocks).held_until is distinct from 'infinity'
                or greatest((p_clocks).held_since, (p_clocks).reminder_sent_at) >= (p_clocks).grace_ends_at
            ) then 'EXPIRED'
            else 'GRACE'
        end
    when p_at >= (p_clocks).reminder_due_at and (
        (p_clocks).held_until is distinct from 'infinity'
        or greatest(
            (p_clocks).held_since, coalesce((p_clocks).last_qualified_activity_at, (p_clocks).started_at)
        ) >= (p_clocks).reminder_due_at
    ) then 'REMINDER_DUE'
    else 'PROTECTED'
end;
comment on function internal.state_at(internal.lead_clocks, timestamptz) is
    'The state of protection_row(p_clocks, p_at), at a fraction of its cost.';
revoke all on function internal.state_at(internal.lead_clocks, timestamptz) from public;
