-- One lead whose facts have changed, computed anew. A recorded expiry stays what it is.
create or replace function internal.refresh_lead(p_lead_id bigint, p_activity_at timestamptz default null)
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    v_clocks internal.lead_clocks;
    v_converted_at timestamptz;
begin
    select c.* into v_clocks
      from internal.lead_clocks as c
     where c.lead_id = p_lead_id and (c.end_reason is null or c.end_reason = 'CONVERTED');
    if not found then
        return;
    end if;
    -- The period's own start: a correction of it has not come to the clocks yet. Where a lead is being handed over, a
    -- conversion that has not ended this period yet is the new owner's.
    select l.converted_at into v_converted_at
      from public.leads as l
      join public.lead_protection_periods as p on p.id = v_clocks.period_id
     where l.id = p_lead_id and l.converted_at >= p.started_at
       and (l.user_id = p.user_id or l.converted_at = p.ended_at);
    if found then
        -- A corrected fact may show that the lead had expired before, or that it had not.
        perform internal.apply_conversion(p_lead_id, v_converted_at, false);
    else
        perform internal.refresh_clocks(v_clocks, p_activity_at);
    end if;
end
$$;
comment on function internal.refresh_lead(bigint, timestamptz) is
    'refresh_clocks for a locked lead whose latest period is not final; p_activity_at as there.';
revoke all on function internal.refresh_lead(bigint, timestamptz) from public;
