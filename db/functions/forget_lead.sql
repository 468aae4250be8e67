-- A deleted lead takes its facts and protection along; that a running protection ended is still told.
-- Before the delete, because afterwards the cascade has taken what the event says.
-- security definer: Module 02 writes leads and nothing else.
create or replace function internal.forget_lead() returns trigger
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_clocks internal.lead_clocks;
    v_row public.lead_protection;
begin
    select * into v_clocks from internal.lead_clocks as c where c.lead_id = old.id for update;
    if found and v_clocks.ended_at is null then
        v_clocks := internal.record_expiry(v_clocks, now());
    end if;
    if v_clocks.lead_id is not null and v_clocks.ended_at is null then
        select * into strict v_row from internal.protection_row(v_clocks, now());
        v_row.state := 'EXPIRED';
        v_row.protection_expires_at := now();
        perform internal.write_event('lead.protection.ended', now(), v_row, 'deleted');
    end if;
    if v_clocks.qualified_activities > 0 then
        perform internal.count_figure(
            'lead_qualified_activity_total', p_amount => v_clocks.qualified_activities
        );
    end if;
    return old;
end
$$;
comment on function internal.forget_lead() is 'Trigger on leads: tells the end of a protection that ran when its lead is deleted.';
revoke all on function internal.forget_lead() from public;

create or replace trigger leads_forget before delete on public.leads
for each row execute function internal.forget_lead();
