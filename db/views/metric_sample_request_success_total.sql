-- From the snapshot: counted when the status was set.
create or replace view public.metric_sample_request_success_total as
select
    c.label_1 as product_type,
    c.label_2 as urgency,
    c.amount::double precision as value
from internal.figure_counters as c
where c.figure = 'sample_request_success_total';
comment on view public.metric_sample_request_success_total is 'Samples delivered.';
grant select on public.metric_sample_request_success_total to lead_exporter;
