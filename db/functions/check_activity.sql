-- Before an activity is written: the lead exists, the type is known, the moment is sane. One query says
-- that all is well; which of the three is not is looked at only then.
-- security definer: writers have no right on the machinery.
create or replace function internal.check_activity() returns trigger
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
set enable_seqscan = off -- plans are cached: one made while the tables are small must not scan them later
as $$
begin
    if tg_op = 'INSERT' then
        new.counts_from := null; -- for the system to set
    end if;
    if new.occurred_at between '2000-01-01 00:00+00' and now()
        and new.created_at between '2000-01-01 00:00+00' and now()
        and exists (select from public.leads as l where l.id = new.lead_id)
        and exists (select from public.activity_types as t where t.activity_type = new.activity_type)
    then
        return new;
    end if;
    new.occurred_at := internal.checked_moment(new.occurred_at, 'occurred_at', false);
    new.created_at := internal.checked_moment(new.created_at, 'created_at', false);
    if not exists (select from public.leads as l where l.id = new.lead_id) then
        perform internal.raise_error('LP001', format('No lead has id %s.', coalesce(new.lead_id::text, 'null')));
    end if;
    if not exists (select from public.activity_types as t where t.activity_type = new.activity_type) then
        perform internal.raise_error('LP008', format('activity_type is %L.', new.activity_type));
    end if;
    return new;
end
$$;
comment on function internal.check_activity() is
    'Trigger on lead_activities. Errors: LP001 unknown lead, LP006 moment out of range, LP007 in the future, LP008 unknown type.';
revoke all on function internal.check_activity() from public;

create or replace trigger lead_activities_check before insert on public.lead_activities
for each row execute function internal.check_activity();
create or replace trigger lead_activities_check_update
before update of lead_id, activity_type, occurred_at, created_at on public.lead_activities
for each row execute function internal.check_activity();
