-- A sink that answered 410 Gone: the outbox fills until somebody acts.
create or replace view public.metric_disabled_sinks as
select count(*)::double precision as value from public.disabled_sinks;
comment on view public.metric_disabled_sinks is 'Webhooks that answered 410 Gone and get no events until they are enabled.';
grant select on public.metric_disabled_sinks to lead_exporter, lead_operations;
