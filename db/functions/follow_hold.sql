-- New holds, one or many in a statement: judged with their leads locked by ascending id, so that two operators, a
-- transfer or the sweep cannot slip in between; then the clocks stop, and the others are told.
-- security definer: writes clocks and events.
create or replace function internal.follow_hold() returns trigger
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_leads constant bigint[] := array(select distinct n.lead_id from entered as n);
    v_hold public.lead_holds;
    v_counts_from timestamptz;
begin
    if v_leads = '{}' then
        return null;
    end if;
    perform internal.lock_leads(v_leads);
    for v_hold in select * from entered as n order by n.lead_id, n.id
    loop
        perform internal.refuse_hold(v_hold);
        v_counts_from := internal.final_end(v_hold.lead_id, v_hold.user_id, v_hold.start_at, v_hold.end_at);
        if v_counts_from is not null then
            update public.lead_holds as h set counts_from = v_counts_from where h.id = v_hold.id;
        end if;
    end loop;
    perform internal.refresh_leads(v_leads);
    for v_hold in select * from entered as n order by n.lead_id, n.id
    loop
        perform internal.tell_hold('lead.hold.created', v_hold, null);
    end loop;
    return null;
end
$$;
comment on function internal.follow_hold() is
    'Trigger on lead_holds: recomputes the leads, writes lead.hold.created. Errors: LP001, LP002, LP003 (judged at start_at).';
revoke all on function internal.follow_hold() from public;

create or replace trigger lead_holds_follow after insert on public.lead_holds
referencing new table as entered
for each statement execute function internal.follow_hold();
