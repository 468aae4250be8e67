-- A protection ends: by recorded expiry, transfer or conversion. The end is written once, then told.
create or replace function internal.end_period(
    p_clocks internal.lead_clocks,
    p_ended_at timestamptz,
    p_end_reason text,
    p_is_told boolean default true
) returns internal.lead_clocks
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    v_period public.lead_protection_periods;
    v_clocks internal.lead_clocks;
    v_row public.lead_protection;
begin
    update public.lead_protection_periods as p
       set ended_at = p_ended_at,
           end_reason = p_end_reason,
           recorded_at = case when p_end_reason in ('INACTIVITY', 'BASE_TERM') then now() end
     where p.id = p_clocks.period_id
    returning * into strict v_period;
    v_clocks := internal.evaluate_period(v_period, p_ended_at);
    perform internal.store_clocks(v_clocks);
    if v_period.recorded_at is not null then
        perform internal.count_figure('lead_protection_expired_total', lower(p_end_reason));
    end if;
    if p_clocks.has_queued_reminder then
        perform internal.withdraw_reminders(v_clocks);
    end if;
    if p_is_told and p_end_reason <> 'TRANSFERRED' then
        select * into strict v_row from internal.protection_row(v_clocks, p_ended_at);
        v_row.protection_expires_at := p_ended_at;
        perform internal.write_event(
            case p_end_reason when 'CONVERTED' then 'lead.protection.ended' else 'lead.protection.expired' end,
            p_ended_at, v_row, lower(p_end_reason)
        );
    end if;
    return v_clocks;
end
$$;
comment on function internal.end_period(internal.lead_clocks, timestamptz, text, boolean) is
    'Ends the running period of a locked lead at p_ended_at, stores its last values, writes the event (a transfer has its own, p_is_told false: none).';
revoke all on function internal.end_period(internal.lead_clocks, timestamptz, text, boolean) from public;
