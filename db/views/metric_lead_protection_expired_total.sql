-- From the snapshot: counted when the expiry was recorded.
create or replace view public.metric_lead_protection_expired_total as
select
    c.label_1 as reason,
    c.amount::double precision as value
from internal.figure_counters as c
where c.figure = 'lead_protection_expired_total';
comment on view public.metric_lead_protection_expired_total is 'Protections whose expiry was recorded.';
grant select on public.metric_lead_protection_expired_total to lead_exporter, lead_operations;
