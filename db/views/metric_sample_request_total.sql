-- From the snapshot: counted when the request was entered.
create or replace view public.metric_sample_request_total as
select
    c.label_1 as product_type,
    c.label_2 as urgency,
    c.amount::double precision as value
from internal.figure_counters as c
where c.figure = 'sample_request_total';
comment on view public.metric_sample_request_total is 'Samples requested.';
grant select on public.metric_sample_request_total to lead_exporter, lead_operations;
