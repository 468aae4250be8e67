-- The six-month end surprises nobody: a reminder one grace period ahead of it. It gates nothing.
create or replace function internal.term_reminder_at(
    p_base_expires_at timestamptz,
    p_policy public.protection_policies
) returns timestamptz
language sql
immutable parallel safe
return internal.add_local(p_base_expires_at, -((p_policy).grace_period), (p_policy).time_zone);
comment on function internal.term_reminder_at(timestamptz, public.protection_policies) is
    'add_local(B, -grace_period): when the term reminder falls due (docs/rules.md, Reminders).';
revoke all on function internal.term_reminder_at(timestamptz, public.protection_policies) from public;
