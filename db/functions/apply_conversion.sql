-- A conversion ends the period that was running at its moment; taking it back reopens that period. An
-- expiry that was due before is recorded first, with its own reason and moment. One that facts entered later
-- bring to light (p_is_new false) is left to the sweep: until it is recorded, more facts may undo it.
create or replace function internal.apply_conversion(
    p_lead_id bigint,
    p_converted_at timestamptz,
    p_is_new boolean default true
) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    v_clocks internal.lead_clocks := (select c from internal.lead_clocks as c where c.lead_id = p_lead_id);
    v_at_conversion internal.lead_clocks;
    v_row public.lead_protection;
    v_reopened constant boolean := v_clocks.end_reason is not distinct from 'CONVERTED';
    v_was_converted_at constant timestamptz := case when v_reopened then v_clocks.ended_at end;
begin
    if v_reopened then
        update public.lead_protection_periods as p
           set ended_at = null, end_reason = null
         where p.id = v_clocks.period_id;
        if p_is_new then
            -- A start that was corrected to after the conversion could not move meanwhile.
            perform internal.correct_start(v_clocks.period_id, l.created_at)
               from public.leads as l
              where l.id = p_lead_id;
        end if;
    end if;
    if v_reopened or not p_is_new then
        v_clocks := internal.refresh_clocks(v_clocks);
    end if;
    if p_converted_at >= v_clocks.started_at and v_clocks.ended_at is null then
        select e.* into strict v_at_conversion
          from public.lead_protection_periods as p
         cross join lateral internal.evaluate_period(p, p_converted_at) as e
         where p.id = v_clocks.period_id;
        select * into strict v_row from internal.protection_row(v_at_conversion, p_converted_at);
        -- Over as of the conversion, and not as of now: an open hold has since moved R past the window of the reminder
        -- that ended it. The lead stays converted.
        if v_row.state <> 'EXPIRED'
            or not p_is_new and (internal.protection_row(v_clocks, now())).state <> 'EXPIRED'
        then
            perform internal.end_period(
                v_clocks, p_converted_at, 'CONVERTED', p_converted_at is distinct from v_was_converted_at
            );
        elsif p_is_new then
            perform internal.end_period(v_clocks, v_row.protection_expires_at, v_row.end_reason);
        end if;
    elsif v_reopened then
        select * into strict v_row from internal.protection_row(v_clocks, now());
        if v_row.state <> 'EXPIRED' then
            perform internal.write_event('lead.protection.activated', now(), v_row, 'conversion_reverted');
        end if;
    elsif p_is_new and v_clocks.ended_at is null then
        -- It runs on, converted before its start or not converted any more: its reminders go, or are due again.
        perform internal.refresh_clocks(v_clocks);
        perform internal.know_anew(p_lead_id);
    end if;
end
$$;
comment on function internal.apply_conversion(bigint, timestamptz, boolean) is
    'Brings the period of a locked lead in line with leads.converted_at (null: not converted); p_is_new false: after other facts changed.';
revoke all on function internal.apply_conversion(bigint, timestamptz, boolean) from public;
