-- The leads that a statement touched, computed anew one by one. A recorded expiry stays what it is.
create or replace function internal.refresh_leads(p_lead_ids bigint[], p_activity_at timestamptz default null)
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    v_clocks internal.lead_clocks;
begin
    for v_clocks in
        select c.*
          from internal.lead_clocks as c
         where c.lead_id = any (p_lead_ids) and (c.end_reason is null or c.end_reason = 'CONVERTED')
         order by c.lead_id
    loop
        if v_clocks.end_reason = 'CONVERTED' then
            -- A corrected fact may show that the lead had expired before.
            perform internal.apply_conversion(v_clocks.lead_id, v_clocks.ended_at);
        else
            perform internal.refresh_clocks(v_clocks, p_activity_at);
        end if;
    end loop;
end
$$;
comment on function internal.refresh_leads(bigint[], timestamptz) is
    'refresh_clocks for locked leads whose latest period is not final; p_activity_at as there.';
revoke all on function internal.refresh_leads(bigint[], timestamptz) from public;
