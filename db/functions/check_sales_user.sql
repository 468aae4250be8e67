-- A contract that does not exist would be found out only when the next lead comes in.
-- security definer: writers have no right on the policies.
create or replace function internal.check_sales_user() returns trigger
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    if not exists (select from public.protection_policies as p where p.policy = new.policy) then
        perform internal.raise_error('LP019', format('The policy given is %L.', new.policy));
    end if;
    return new;
end
$$;
comment on function internal.check_sales_user() is 'Trigger on sales_users. Errors: LP019 unknown policy.';
revoke all on function internal.check_sales_user() from public;

create or replace trigger sales_users_check before insert or update of policy on public.sales_users
for each row execute function internal.check_sales_user();
