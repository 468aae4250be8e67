-- From the snapshot; also those that no dispatcher has seen.
create or replace view public.metric_lead_reminders_pending as
select g.value
from internal.figure_gauges as g
where g.figure = 'lead_reminders_pending';
comment on view public.metric_lead_reminders_pending is 'Reminders that are due and not sent, whether queued or not.';
grant select on public.metric_lead_reminders_pending to lead_exporter, lead_operations;
