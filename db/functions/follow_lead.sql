-- Leads are handed over, converted or their start corrected: their protection follows. A statement trigger: a bulk
-- update comes by the rows as they lie, and their clocks are locked by ascending id, as everywhere. A full join, though
-- each row has its partner: the plan is kept from one row to a hundred thousand, and must not be a nested loop.
-- security definer: Module 02 writes leads and nothing else.
create or replace function internal.follow_lead() returns trigger
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_leads constant bigint[] := array(
        select n.id
          from before as o
          full join after as n on n.id = o.id
         where (o.user_id, o.created_at, o.converted_at) is distinct from (n.user_id, n.created_at, n.converted_at)
    );
    v_lead record;
begin
    if v_leads = '{}' then
        return null;
    end if;
    perform internal.lock_leads(v_leads);
    for v_lead in
        select n.id, n.user_id, n.created_at, n.converted_at,
               n.user_id <> o.user_id as is_handed_over,
               n.created_at <> o.created_at as is_moved,
               n.converted_at is distinct from o.converted_at as is_converted,
               n.converted_at is not null and o.converted_at is null as is_new_customer
          from before as o
          full join after as n on n.id = o.id
         where (o.user_id, o.created_at, o.converted_at) is distinct from (n.user_id, n.created_at, n.converted_at)
         order by n.id
    loop
        if v_lead.is_moved then
            if v_lead.is_converted and v_lead.converted_at is null then
                perform internal.apply_conversion(v_lead.id, null);
            end if;
            perform internal.move_start(v_lead.id, v_lead.created_at);
        end if;
        -- In the order in which they happened: a hand-over happens now.
        if v_lead.is_converted and coalesce(v_lead.converted_at < now(), true) then
            perform internal.apply_conversion(v_lead.id, v_lead.converted_at);
        end if;
        if v_lead.is_handed_over then
            perform internal.transfer_lead(v_lead.id, v_lead.user_id);
        end if;
        -- A lead handed over at the moment of its conversion, or before, is one that the new user has converted.
        if (v_lead.is_converted or v_lead.is_handed_over) and v_lead.converted_at >= now() then
            perform internal.apply_conversion(v_lead.id, v_lead.converted_at);
        end if;
        if v_lead.is_new_customer then
            perform internal.count_figure('lead_conversion_success_total');
        end if;
    end loop;
    return null;
end
$$;
comment on function internal.follow_lead() is 'Trigger on leads: correction of the start, transfer, conversion.';
revoke all on function internal.follow_lead() from public;

create or replace trigger leads_follow after update on public.leads
referencing old table as before new table as after
for each statement execute function internal.follow_lead();
