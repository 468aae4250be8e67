-- Before a lead is written: its moments are sane and its id stays.
-- security definer: writers have no right on the machinery.
create or replace function internal.check_lead() returns trigger
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    if tg_op = 'UPDATE' and new.id is distinct from old.id then
        perform internal.raise_error('LP013', format('Lead %s was to become lead %s.', old.id, new.id));
    end if;
    -- Only what this statement says: what a transaction that began later has written lies ahead of this one's now().
    if tg_op = 'INSERT' or new.created_at is distinct from old.created_at then
        new.created_at := internal.checked_moment(new.created_at, 'created_at', false);
    end if;
    if tg_op = 'INSERT' or new.converted_at is distinct from old.converted_at then
        new.converted_at := internal.checked_moment(new.converted_at, 'converted_at', false);
        -- And a conversion of now ends the protection that runs now, also one that such a transaction has started, or
        -- that the hand-over in this statement starts (transfer_lead).
        if tg_op = 'UPDATE' and new.converted_at >= now() then
            new.converted_at := greatest(new.converted_at, (
                select greatest(
                           c.started_at, case when new.user_id is distinct from old.user_id then c.facts_entered_at end
                       )
                  from internal.lead_clocks as c
                 where c.lead_id = new.id
            ));
        end if;
    end if;
    return new;
end
$$;
comment on function internal.check_lead() is
    'Trigger on leads. Errors: LP006 moment out of range, LP007 in the future, LP013 changed id.';
revoke all on function internal.check_lead() from public;

-- A lead registered now needs no call. A short condition: PostgreSQL reads its text anew for each statement.
create or replace trigger leads_check_insert before insert on public.leads
for each row when (new.created_at <> now() or new.converted_at is not null)
execute function internal.check_lead();
create or replace trigger leads_check_update before update of id, created_at, converted_at on public.leads
for each row execute function internal.check_lead();
