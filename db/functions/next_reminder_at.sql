-- The first moment after p_after at which a reminder of these clocks falls due and may be queued:
-- inactivity at R, term ten days before B; neither while a hold runs, nor once protection is over.
create or replace function internal.next_reminder_at(
    p_clocks internal.lead_clocks,
    p_policy public.protection_policies,
    p_after timestamptz
) returns timestamptz
language plpgsql
immutable
set search_path = pg_catalog, pg_temp
as $$
declare
    v_inactivity_at constant timestamptz := case
        when p_clocks.reminder_sent_at is null then p_clocks.reminder_due_at
    end;
    v_term_at constant timestamptz := internal.term_reminder_at(p_clocks.base_expires_at, p_policy);
    v_at timestamptz := least(
        case when v_inactivity_at > p_after then v_inactivity_at end,
        case when v_term_at > p_after then v_term_at end
    );
begin
    if p_clocks.held_until > v_at then
        v_at := p_clocks.held_until;
    end if;
    return case when v_at < least(
        p_clocks.base_expires_at, case when p_clocks.reminder_sent_at is not null then p_clocks.grace_ends_at end
    ) then v_at end;
end
$$;
comment on function internal.next_reminder_at(internal.lead_clocks, public.protection_policies, timestamptz) is
    'When the reminder sweep must next look at a lead that no open hold stops; null when nothing can fall due.';
revoke all on function internal.next_reminder_at(
    internal.lead_clocks, public.protection_policies, timestamptz
) from public;
