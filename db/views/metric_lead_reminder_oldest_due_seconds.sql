-- The snapshot says since when it waits, the view for how long: should nobody count any more, it still grows.
create or replace view public.metric_lead_reminder_oldest_due_seconds as
select coalesce(greatest(extract(epoch from now()) - max(g.value), 0), 0)::double precision as value
from internal.figure_gauges as g
where g.figure = 'lead_reminder_oldest_since';
comment on view public.metric_lead_reminder_oldest_due_seconds is
    'For how long the longest waiting reminder has been due and not sent, whether queued or not; 0: none waits.';
grant select on public.metric_lead_reminder_oldest_due_seconds to lead_exporter, lead_operations;
