-- From the snapshot: counted when converted_at was set.
create or replace view public.metric_lead_conversion_success_total as
select c.amount::double precision as value
from internal.figure_counters as c
where c.figure = 'lead_conversion_success_total';
comment on view public.metric_lead_conversion_success_total is 'Leads that were converted.';
grant select on public.metric_lead_conversion_success_total to lead_exporter, lead_operations;
