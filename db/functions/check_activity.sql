-- Before an activity is written: its moments are sane. That its lead and its type exist, and that no moment is absurdly
-- old, is looked at once a statement for new rows (count_new_activities), here for corrected ones.
-- security definer: writers have no right on the machinery.
create or replace function internal.check_activity() returns trigger
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    if tg_op = 'INSERT' then
        new.counts_from := null; -- for the system to set
    end if;
    new.occurred_at := internal.checked_moment(new.occurred_at, 'occurred_at', false);
    new.created_at := internal.checked_moment(new.created_at, 'created_at', false);
    if tg_op = 'UPDATE' or new.lead_id is null or new.activity_type is null then
        perform internal.refuse_unknown(new.lead_id, new.activity_type);
    end if;
    return new;
end
$$;
comment on function internal.check_activity() is
    'Trigger on lead_activities. Errors: LP001 unknown lead, LP006 moment out of range, LP007 in the future, LP008 unknown type.';
revoke all on function internal.check_activity() from public;

-- Most new rows have nothing to correct or refuse: telling so here costs a fraction of a call. But PostgreSQL reads and
-- plans the condition anew for each statement, so it is no longer than what must be known before the row is written.
create or replace trigger lead_activities_check before insert on public.lead_activities
for each row when (
    greatest(new.occurred_at, new.created_at) > now()
    or new.counts_from is not null or new.lead_id is null or new.activity_type is null
) execute function internal.check_activity();
create or replace trigger lead_activities_check_update
before update of lead_id, activity_type, occurred_at, created_at on public.lead_activities
for each row execute function internal.check_activity();
