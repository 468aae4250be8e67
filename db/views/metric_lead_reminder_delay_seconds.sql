-- From the snapshot: observed when sent_at was set.
create or replace view public.metric_lead_reminder_delay_seconds as
select
    h.label_1 as reminder_type,
    k.bounds,
    h.counts,
    h.count,
    h.sum
from internal.figure_histograms as h
inner join internal.figure_kinds as k on h.figure = k.figure
where h.figure = 'lead_reminder_delay_seconds';
comment on view public.metric_lead_reminder_delay_seconds is 'From the moment a reminder was due, and known to be, until it was sent.';
grant select on public.metric_lead_reminder_delay_seconds to lead_exporter, lead_operations;
