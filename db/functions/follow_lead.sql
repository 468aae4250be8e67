-- A lead is handed over, converted or its start corrected: its protection follows.
-- security definer: Module 02 writes leads and nothing else.
create or replace function internal.follow_lead() returns trigger
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_is_converted constant boolean := new.converted_at is distinct from old.converted_at;
begin
    if new.created_at is distinct from old.created_at then
        if v_is_converted and new.converted_at is null then
            perform internal.apply_conversion(new.id, null);
        end if;
        perform internal.move_start(new.id, new.created_at);
    end if;
    -- In the order in which they happened: a hand-over happens now.
    if v_is_converted and coalesce(new.converted_at < now(), true) then
        perform internal.apply_conversion(new.id, new.converted_at);
    end if;
    if new.user_id is distinct from old.user_id then
        perform internal.transfer_lead(new.id, new.user_id);
    end if;
    -- A lead that is handed over at the moment of its conversion, or before, is one that the new user has converted.
    if (v_is_converted or new.user_id is distinct from old.user_id) and new.converted_at >= now() then
        perform internal.apply_conversion(new.id, new.converted_at);
    end if;
    if old.converted_at is null and new.converted_at is not null then
        perform internal.count_figure('lead_conversion_success_total');
    end if;
    return null;
end
$$;
comment on function internal.follow_lead() is 'Trigger on leads: correction of the start, transfer, conversion.';
revoke all on function internal.follow_lead() from public;

create or replace trigger leads_follow after update on public.leads
for each row
when (
    old.user_id is distinct from new.user_id
    or old.created_at is distinct from new.created_at
    or old.converted_at is distinct from new.converted_at
)
execute function internal.follow_lead();
