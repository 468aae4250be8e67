-- From the snapshot: counted when the reminder got its row.
create or replace view public.metric_lead_reminder_due_total as
select
    c.label_1 as reminder_type,
    c.amount::double precision as value
from internal.figure_counters as c
where c.figure = 'lead_reminder_due_total';
comment on view public.metric_lead_reminder_due_total is 'Reminders that fell due and were queued.';
grant select on public.metric_lead_reminder_due_total to lead_exporter, lead_operations;
