-- A clock that an activity restarts (restarts_plainly). Under an open hold it moves with now() and has nothing
-- to be checked; else the sweep's next look stays where it is, so that the row is updated in place (but after a hold
-- a DST hour can make it due earlier). Inlined.
create or replace function internal.restarted_clock(
    p_clocks internal.lead_clocks,
    p_at timestamptz,
    p_policy public.protection_policies
) returns table (
    reminder_due_at timestamptz,
    grace_ends_at timestamptz,
    protection_expires_at timestamptz,
    steady_until timestamptz,
    next_reminder_check_at timestamptz
)
language sql
immutable parallel safe
rows 1
begin atomic
    select
        k.reminder_due_at,
        k.grace_ends_at,
        k.protection_expires_at,
        case when (p_clocks).held_until = 'infinity' then '-infinity' else k.steady_until end,
        case
            when (p_clocks).held_until is distinct from 'infinity'
                then least((p_clocks).next_reminder_check_at, k.reminder_due_at)
        end
    from internal.plain_clock(
        p_at, (p_clocks).base_expires_at,
        (p_policy).activity_interval, (p_policy).grace_period, (p_policy).time_zone
    ) as k;
end;
comment on function internal.restarted_clock(internal.lead_clocks, timestamptz, public.protection_policies) is
    'The columns of lead_clocks that an activity at p_at changes when nothing else is in its way.';
revoke all on function internal.restarted_clock(
    internal.lead_clocks, timestamptz, public.protection_policies
) from public;
