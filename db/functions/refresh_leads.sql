-- The leads that a statement touched, by ascending id.
create or replace function internal.refresh_leads(p_lead_ids bigint[], p_activity_at timestamptz default null)
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    v_lead_id bigint;
begin
    for v_lead_id in select distinct x.lead_id from unnest(p_lead_ids) as x (lead_id) order by x.lead_id
    loop
        perform internal.refresh_lead(v_lead_id, p_activity_at);
    end loop;
end
$$;
comment on function internal.refresh_leads(bigint[], timestamptz) is 'refresh_lead for each of some locked leads.';
revoke all on function internal.refresh_leads(bigint[], timestamptz) from public;
