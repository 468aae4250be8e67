-- An activity that ended a grace or a due reminder is told.
create or replace function internal.tell_reactivation(
    p_before internal.lead_clocks,
    p_after internal.lead_clocks,
    p_activity_at timestamptz,
    p_at timestamptz
) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    v_was constant text := internal.state_at(p_before, p_at);
begin
    if v_was in ('GRACE', 'REMINDER_DUE', 'EXPIRED') and internal.state_at(p_after, p_at) = 'PROTECTED' then
        perform internal.write_event(
            'lead.protection.reactivated', p_activity_at, internal.protection_row(p_after, p_at), null,
            jsonb_build_object('previousState', v_was)
        );
        perform internal.count_figure('lead_protection_reactivated_total');
    end if;
end
$$;
comment on function internal.tell_reactivation(
    internal.lead_clocks, internal.lead_clocks, timestamptz, timestamptz
) is
    'Writes and counts lead.protection.reactivated if the activity of p_activity_at brought the lead back to PROTECTED as of p_at.';
revoke all on function internal.tell_reactivation(
    internal.lead_clocks, internal.lead_clocks, timestamptz, timestamptz
) from public;
