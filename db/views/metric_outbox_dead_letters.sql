-- Read live; there should be none.
create or replace view public.metric_outbox_dead_letters as
select count(*)::double precision as value
from public.outbox_dead_letters;
comment on view public.metric_outbox_dead_letters is 'Events that were given up and wait for somebody to replay or discard them.';
grant select on public.metric_outbox_dead_letters to lead_exporter, lead_operations;
