-- TRUNCATE fires no row triggers: protection would silently part from its facts.
create or replace function internal.refuse_truncate() returns trigger
language plpgsql
security definer -- reads the error list
set search_path = pg_catalog, pg_temp
as $$
begin
    perform internal.raise_error('LP015', format('TRUNCATE of %I.%I was asked for.', tg_table_schema, tg_table_name));
    return null;
end
$$;
comment on function internal.refuse_truncate() is 'Trigger on every table of facts. Errors: LP015.';
revoke all on function internal.refuse_truncate() from public;

create or replace trigger leads_refuse_truncate before truncate on public.leads
for each statement execute function internal.refuse_truncate();
create or replace trigger lead_activities_refuse_truncate before truncate on public.lead_activities
for each statement execute function internal.refuse_truncate();
create or replace trigger lead_holds_refuse_truncate before truncate on public.lead_holds
for each statement execute function internal.refuse_truncate();
create or replace trigger lead_reminders_refuse_truncate before truncate on public.lead_reminders
for each statement execute function internal.refuse_truncate();
create or replace trigger lead_extensions_refuse_truncate before truncate on public.lead_extensions
for each statement execute function internal.refuse_truncate();
create or replace trigger lead_protection_periods_refuse_truncate before truncate on public.lead_protection_periods
for each statement execute function internal.refuse_truncate();
create or replace trigger sales_users_refuse_truncate before truncate on public.sales_users
for each statement execute function internal.refuse_truncate();
create or replace trigger outbox_refuse_truncate before truncate on public.outbox
for each statement execute function internal.refuse_truncate();
create or replace trigger sample_requests_refuse_truncate before truncate on public.sample_requests
for each statement execute function internal.refuse_truncate();
create or replace trigger event_catering_requests_refuse_truncate before truncate on public.event_catering_requests
for each statement execute function internal.refuse_truncate();
create or replace trigger cost_entries_refuse_truncate before truncate on public.cost_entries
for each statement execute function internal.refuse_truncate();
