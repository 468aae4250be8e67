-- Contract versions and the meaning of activity types are history: deadlines were computed by them; and so is who
-- answered for going live.
create or replace function internal.refuse_rewriting() returns trigger
language plpgsql
security definer -- reads the error list
set search_path = pg_catalog, pg_temp
as $$
begin
    perform internal.raise_error('LP020', format('%s of %I.%I: %s', tg_op, tg_table_schema, tg_table_name, old));
    return null;
end
$$;
comment on function internal.refuse_rewriting() is
    'Trigger on protection_policies, activity_types and go_live_sign_offs: rows are added, never changed. Errors: LP020.';
revoke all on function internal.refuse_rewriting() from public;

create or replace trigger protection_policies_refuse_rewriting
before update or delete on public.protection_policies
for each row execute function internal.refuse_rewriting();
create or replace trigger activity_types_refuse_rewriting
before update or delete on public.activity_types
for each row execute function internal.refuse_rewriting();
create or replace trigger go_live_sign_offs_refuse_rewriting
before update or delete on public.go_live_sign_offs
for each row execute function internal.refuse_rewriting();
