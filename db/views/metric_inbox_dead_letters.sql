-- Whatever stands here waits for a person: one is enough for an alert.
create or replace view public.metric_inbox_dead_letters as
select count(*)::double precision as value from public.inbox_dead_letters;
comment on view public.metric_inbox_dead_letters is 'Incoming events that could not be applied and wait for a person.';
grant select on public.metric_inbox_dead_letters to lead_exporter, lead_operations;
