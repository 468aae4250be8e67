-- How much the workers have before them: whoever imports a million old leads should know it before partners do.
-- security definer: the worker and operations have no right on the machinery.
create or replace function public.count_due_leads(out reminders bigint, out expiries bigint)
language sql
stable
security definer
set search_path = pg_catalog, pg_temp
begin atomic
    select (select count(*) from internal.lead_clocks as c where c.next_reminder_check_at <= now()),
           (select count(*) from internal.lead_clocks as c where c.next_expiry_check_at <= now());
end;
comment on function public.count_due_leads() is
    'Leads at which the reminder sweep and the expiry sweep have to look now. At least what is due: some turn out not to be.';
revoke all on function public.count_due_leads() from public;
grant execute on function public.count_due_leads() to lead_worker, lead_operations;
