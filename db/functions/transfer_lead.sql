-- A handed-over lead: the old protection ends (an expiry already due with its own reason and moment),
-- its running holds too, and the new user's starts at that moment. Never two owners.
create or replace function internal.transfer_lead(p_lead_id bigint, p_user_id bigint) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    v_clocks internal.lead_clocks := internal.lock_lead(p_lead_id);
    v_moment constant timestamptz := greatest(now(), v_clocks.facts_entered_at);
    v_row public.lead_protection;
begin
    if v_clocks.ended_at is null then
        -- An end is recorded as the facts have it, and this statement may have written some that are not followed yet.
        perform internal.refresh_clocks(v_clocks);
        select * into strict v_clocks from internal.lead_clocks as c where c.lead_id = p_lead_id;
    end if;
    v_clocks := internal.record_expiry(v_clocks, now());
    if internal.end_running_holds(p_lead_id, v_moment, null) > 0 then
        select * into strict v_clocks from internal.lead_clocks as c where c.lead_id = p_lead_id;
    end if;
    if v_clocks.ended_at is null then
        perform internal.end_period(v_clocks, v_moment, 'TRANSFERRED');
    end if;
    select v.* into strict v_row
      from internal.start_period(p_lead_id, p_user_id, v_moment, 'TRANSFERRED') as c
     cross join lateral internal.protection_row(c, v_moment) as v;
    perform internal.write_event(
        'lead.protection.transferred', v_moment, v_row, null,
        jsonb_build_object('previousUserId', v_clocks.user_id)
    );
end
$$;
comment on function internal.transfer_lead(bigint, bigint) is
    'Ends the running period and holds of a lead and starts a period for p_user_id, all at this moment.';
revoke all on function internal.transfer_lead(bigint, bigint) from public;
