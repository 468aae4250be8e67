-- From the snapshot: counted with the event of the same name.
create or replace view public.metric_lead_protection_reactivated_total as
select c.amount::double precision as value
from internal.figure_counters as c
where c.figure = 'lead_protection_reactivated_total';
comment on view public.metric_lead_protection_reactivated_total is
    'Graces and due reminders that a qualified activity ended.';
grant select on public.metric_lead_protection_reactivated_total to lead_exporter, lead_operations;
