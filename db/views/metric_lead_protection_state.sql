-- From the snapshot; a state without leads is there as 0.
create or replace view public.metric_lead_protection_state as
select
    g.label_1 as state,
    g.value
from internal.figure_gauges as g
where g.figure = 'lead_protection_state';
comment on view public.metric_lead_protection_state is 'Leads by state of their protection.';
grant select on public.metric_lead_protection_state to lead_exporter, lead_operations;
