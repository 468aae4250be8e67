-- Most activities that are more than a restart end a due reminder or a grace, and meet nothing else: protection runs,
-- the last of them is newer than the clock's last start, no hold lies after that, and no reminder was sent since the
-- first that could count now. Then the facts need not be gathered.
create or replace function internal.clocks_after_warning(
    p_clocks internal.lead_clocks,
    p_first_at timestamptz,
    p_last_at timestamptz,
    p_at timestamptz
) returns internal.lead_clocks
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
    v_clocks internal.lead_clocks := p_clocks;
    v_anchor constant timestamptz := coalesce(p_clocks.last_qualified_activity_at, p_clocks.started_at);
    v_policy public.protection_policies;
begin
    if (
        internal.state_at(p_clocks, p_at) in ('PROTECTED', 'REMINDER_DUE', 'GRACE')
        and p_last_at >= v_anchor
        and p_clocks.held_until is null
        and coalesce(p_clocks.last_held_until <= v_anchor, true)
        and not internal.has_reminder_since(p_clocks.lead_id, p_first_at)
    ) is not true then
        return null;
    end if;
    select p.* into strict v_policy
      from public.protection_policies as p
     where p.policy = p_clocks.policy and p.version = p_clocks.policy_version;
    select k.reminder_due_at, k.grace_ends_at, k.protection_expires_at, k.steady_until
      into strict v_clocks.reminder_due_at, v_clocks.grace_ends_at, v_clocks.protection_expires_at,
                  v_clocks.steady_until
      from internal.restarted_clock(p_clocks, p_last_at, v_policy) as k;
    v_clocks.state := 'PROTECTED';
    v_clocks.last_qualified_activity_at := p_last_at;
    v_clocks.reminder_sent_at := null;
    v_clocks.next_expiry_check_at := v_clocks.base_expires_at;
    v_clocks.next_reminder_check_at := internal.next_reminder_at(v_clocks, v_policy, '-infinity');
    return v_clocks;
end
$$;
comment on function internal.clocks_after_warning(internal.lead_clocks, timestamptz, timestamptz, timestamptz) is
    'Clocks that come to the same row as those of run_clocks as of p_at when qualified activities from p_first_at to p_last_at are all that is new, or null where the facts must be walked.';
revoke all on function internal.clocks_after_warning(
    internal.lead_clocks, timestamptz, timestamptz, timestamptz
) from public;
