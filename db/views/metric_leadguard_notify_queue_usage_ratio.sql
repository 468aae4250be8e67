-- Read live: a full queue makes every NOTIFY fail.
create or replace view public.metric_leadguard_notify_queue_usage_ratio as
select pg_catalog.pg_notification_queue_usage()::double precision as value;
comment on view public.metric_leadguard_notify_queue_usage_ratio is
    'Share of the NOTIFY queue of the server that is in use.';
grant select on public.metric_leadguard_notify_queue_usage_ratio to lead_exporter, lead_operations;
