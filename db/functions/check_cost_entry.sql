-- Before a cost is written: it has been incurred.
-- security definer: writers have no right on the machinery.
create or replace function internal.check_cost_entry() returns trigger
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    new.incurred_at := internal.checked_moment(new.incurred_at, 'incurred_at', false);
    return new;
end
$$;
comment on function internal.check_cost_entry() is 'Trigger on cost_entries. Errors: LP006 moment out of range, LP007 in the future.';
revoke all on function internal.check_cost_entry() from public;

create or replace trigger cost_entries_check before insert or update of incurred_at on public.cost_entries
for each row execute function internal.check_cost_entry();
