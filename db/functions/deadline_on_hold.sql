-- Stored deadlines leave an open hold out, so that nothing needs to be written while time passes:
-- here the hold is counted as ending at p_at.
create or replace function internal.deadline_on_hold(
    p_deadline timestamptz,
    p_clock_started_at timestamptz,
    p_open_since timestamptz,
    p_at timestamptz
) returns timestamptz
language sql
immutable parallel safe
return case
    when p_open_since is null or greatest(p_open_since, p_clock_started_at) >= p_deadline then p_deadline
    else internal.add_elapsed(p_deadline, greatest(p_open_since, p_clock_started_at), p_at)
end;
comment on function internal.deadline_on_hold(timestamptz, timestamptz, timestamptz, timestamptz) is
    'A deadline as it stands at p_at under a hold open since p_open_since (null: none); one already run out stays.';
revoke all on function internal.deadline_on_hold(timestamptz, timestamptz, timestamptz, timestamptz) from public;
