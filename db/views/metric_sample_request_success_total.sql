-- From the snapshot: counted when the status was set. What was requested and not yet had stands at 0: a counter that
-- comes into being at 1 has not risen, as Prometheus sees it.
create or replace view public.metric_sample_request_success_total as
select
    c.label_1 as product_type,
    c.label_2 as urgency,
    coalesce(sum(c.amount) filter (where c.figure = 'sample_request_success_total'), 0)::double precision as value
from internal.figure_counters as c
where c.figure in ('sample_request_total', 'sample_request_success_total')
group by c.label_1, c.label_2;
comment on view public.metric_sample_request_success_total is 'Samples delivered.';
grant select on public.metric_sample_request_success_total to lead_exporter, lead_operations;
