-- Who may touch which table; rights on functions and views stand beside their definitions.
-- Nobody but the owner may write what the system derives.
grant select, insert, delete on public.leads, public.lead_activities, public.sales_users to module02_writer;
grant update (
    user_id, company_name, city, contact_name, contact_email, contact_phone, created_at, converted_at, external_id
) on public.leads to module02_writer;
grant update (lead_id, user_id, activity_type, occurred_at, summary, external_id)
on public.lead_activities to module02_writer;
grant update on public.sales_users to module02_writer;

grant select on
public.leads, public.lead_activities, public.lead_holds, public.lead_reminders, public.lead_extensions,
public.lead_protection_periods, public.protection_policies, public.activity_types, public.sales_users,
public.settings, public.job_runs, public.outbox, public.outbox_archive, public.error_codes
to lead_operations;
grant select on public.activity_types, public.error_codes to module02_writer;
