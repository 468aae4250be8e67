-- The leads that a statement touched, computed anew one by one. A recorded expiry stays what it is.
create or replace function internal.refresh_leads(p_lead_ids bigint[], p_activity_at timestamptz default null)
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    v record;
begin
    for v in
        select c as clocks, l.converted_at
          from internal.lead_clocks as c
          join public.leads as l on l.id = c.lead_id
         where c.lead_id = any (p_lead_ids) and (c.end_reason is null or c.end_reason = 'CONVERTED')
         order by c.lead_id
    loop
        if v.converted_at >= (v.clocks).started_at then
            -- A corrected fact may show that the lead had expired before, or that it had not.
            perform internal.apply_conversion((v.clocks).lead_id, v.converted_at, false);
        else
            perform internal.refresh_clocks(v.clocks, p_activity_at);
        end if;
    end loop;
end
$$;
comment on function internal.refresh_leads(bigint[], timestamptz) is
    'refresh_clocks for locked leads whose latest period is not final; p_activity_at as there.';
revoke all on function internal.refresh_leads(bigint[], timestamptz) from public;
