-- From the snapshot: counted when sent_at was set.
create or replace view public.metric_lead_reminder_sent_total as
select
    c.label_1 as reminder_type,
    c.amount::double precision as value
from internal.figure_counters as c
where c.figure = 'lead_reminder_sent_total';
comment on view public.metric_lead_reminder_sent_total is 'Reminders that a sink or mail server accepted.';
grant select on public.metric_lead_reminder_sent_total to lead_exporter, lead_operations;
