-- From the snapshot. Empty unless the setting user_series_limit says for how many users: series are dear.
create or replace view public.metric_lead_protection_state_by_user as
select
    g.label_1 as user_id,
    g.label_2 as state,
    g.value
from internal.figure_gauges as g
where g.figure = 'lead_protection_state_by_user';
comment on view public.metric_lead_protection_state_by_user is
    'Leads by user and state; users beyond the setting user_series_limit are one, other. Off as installed.';
grant select on public.metric_lead_protection_state_by_user to lead_exporter, lead_operations;
