-- Before a hold is written: who may stop the clock, and when. The same rules for the procedures and for a
-- direct insert. Locks the lead, so that two operators, a transfer or the sweep cannot slip in between.
-- security definer: reads the machinery.
create or replace function internal.check_hold() returns trigger
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_clocks internal.lead_clocks;
begin
    if tg_op = 'UPDATE' then
        perform internal.lock_leads(array[old.lead_id, new.lead_id]);
        perform internal.refuse_final('A hold', old.lead_id, old.user_id, old.start_at, old.end_at, old.counts_from);
    end if;
    new.start_at := internal.checked_moment(new.start_at, 'start_at', false);
    new.created_at := internal.checked_moment(new.created_at, 'created_at', false);
    new.end_at := internal.checked_moment(new.end_at, 'end_at', true);
    if new.end_at < new.start_at then
        perform internal.raise_error('LP005', format('start_at is %s, end_at is %s.', new.start_at, new.end_at));
    end if;
    if internal.is_blank(new.reason) then
        perform internal.raise_error('LP004', format('The reason given is %L.', new.reason));
    end if;
    if tg_op = 'INSERT'
        or (new.lead_id, new.user_id, new.start_at) is distinct from (old.lead_id, old.user_id, old.start_at)
    then
        -- Two statements: the second must see what was committed while the first waited for the lead.
        v_clocks := internal.lock_own_lead(new.lead_id, new.user_id);
        perform internal.refuse_over(v_clocks, new.start_at);
    end if;
    new.counts_from := internal.final_end(new.lead_id, new.user_id, new.start_at, new.end_at);
    return new;
end
$$;
comment on function internal.check_hold() is
    'Trigger on lead_holds. Errors: LP001, LP002, LP003 (judged at start_at), LP004, LP005, LP006, LP007, LP014.';
revoke all on function internal.check_hold() from public;

create or replace trigger lead_holds_check before insert on public.lead_holds
for each row execute function internal.check_hold();
create or replace trigger lead_holds_check_update
before update of lead_id, user_id, reason, start_at, end_at, created_at on public.lead_holds
for each row execute function internal.check_hold();
