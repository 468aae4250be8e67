-- Before a hold is written: its moments and its reason are usable. Who may stop the clock, and when, is judged once the
-- statement's rows are there and their leads locked (refuse_hold).
-- security definer: writers have no right on the machinery.
create or replace function internal.check_hold() returns trigger
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    if tg_op = 'INSERT' then
        new.counts_from := null; -- for the system to set
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
    if new.user_id is null then
        perform internal.raise_error('LP002', format('A hold on lead %s names no user.', new.lead_id));
    end if;
    -- Before its foreign key says so in other words.
    if tg_op = 'INSERT' or new.lead_id is distinct from old.lead_id then
        perform from public.leads as l where l.id = new.lead_id;
        if not found then
            perform internal.raise_error('LP001', format('No lead has id %s.', coalesce(new.lead_id::text, 'null')));
        end if;
    end if;
    return new;
end
$$;
comment on function internal.check_hold() is
    'Trigger on lead_holds. Errors: LP001, LP002, LP004, LP005, LP006, LP007.';
revoke all on function internal.check_hold() from public;

create or replace trigger lead_holds_check before insert on public.lead_holds
for each row execute function internal.check_hold();
create or replace trigger lead_holds_check_update
before update of lead_id, user_id, reason, start_at, end_at, created_at on public.lead_holds
for each row execute function internal.check_hold();
