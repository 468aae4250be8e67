-- The clock of a lead between two facts, as long as it meets no hold and no reminder: what run_clocks
-- comes to for a new lead and for an activity newer than all else. Inlined, so that bulk writes stay cheap; offset 0,
-- so that each step is computed once and not in every column that uses it.
create or replace function internal.plain_clock(
    p_anchor timestamptz,
    p_base_expires_at timestamptz,
    p_activity_interval interval,
    p_grace_period interval,
    p_time_zone text
) returns table (
    reminder_due_at timestamptz,
    grace_ends_at timestamptz,
    protection_expires_at timestamptz,
    steady_until timestamptz
)
language sql
immutable parallel safe
rows 1
begin atomic
    select
        g.due_at,
        g.ends_at,
        least(p_base_expires_at, g.ends_at),
        least(p_base_expires_at, g.due_at)
    from (
        select r.due_at, internal.add_local(r.due_at, p_grace_period, p_time_zone) as ends_at
        from (
            select internal.add_local(p_anchor, p_activity_interval, p_time_zone) as due_at
            offset 0
        ) as r
        offset 0
    ) as g;
end;
comment on function internal.plain_clock(timestamptz, timestamptz, interval, interval, text) is
    'R, the grace that would follow, its least with B, and until when that stands: for a clock restarted at p_anchor.';
revoke all on function internal.plain_clock(timestamptz, timestamptz, interval, interval, text) from public;
