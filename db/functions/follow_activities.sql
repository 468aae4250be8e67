-- New activities on a lead that was warned, or on hold: what only ends the warning is computed from the stored clocks,
-- all else from the facts.
create or replace function internal.follow_activities(
    p_lead_id bigint,
    p_first_at timestamptz,
    p_last_at timestamptz
) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    v_before internal.lead_clocks;
    v_at timestamptz;
    v_clocks internal.lead_clocks;
begin
    select c.* into v_before from internal.lead_clocks as c where c.lead_id = p_lead_id;
    v_at := greatest(now(), v_before.facts_entered_at);
    v_clocks := internal.clocks_after_warning(v_before, p_first_at, p_last_at, v_at);
    if v_clocks.lead_id is null then
        perform internal.refresh_lead(p_lead_id, p_last_at);
    else
        perform internal.store_clocks(v_clocks);
        if v_before.has_queued_reminder then
            perform internal.withdraw_reminders(v_clocks);
        end if;
        perform internal.tell_reactivation(v_before, v_clocks, p_last_at, v_at);
    end if;
end
$$;
comment on function internal.follow_activities(bigint, timestamptz, timestamptz) is
    'Brings the clocks of a locked lead in line with new qualified activities of its protecting user, from p_first_at to p_last_at.';
revoke all on function internal.follow_activities(bigint, timestamptz, timestamptz) from public;
