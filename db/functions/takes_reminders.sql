-- Whether a reminder that is due can go out: the protection runs, and no hold stops its clocks. Inlined.
create or replace function internal.takes_reminders(p_clocks internal.lead_clocks, p_at timestamptz) returns boolean
language sql
stable
return coalesce((p_clocks).held_until <= p_at, true)
    and internal.state_at(p_clocks, p_at) not in ('EXPIRED', 'CONVERTED');
comment on function internal.takes_reminders(internal.lead_clocks, timestamptz) is
    'True while neither an end nor a hold keeps the reminders of these clocks from being queued at p_at.';
revoke all on function internal.takes_reminders(internal.lead_clocks, timestamptz) from public;
