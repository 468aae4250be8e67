-- What is reserved for superusers is not for us.
create or replace view public.metric_leadguard_database_connections_limit as
select
    (
        current_setting('max_connections')::integer - current_setting('superuser_reserved_connections')::integer
    )::double precision as value;
comment on view public.metric_leadguard_database_connections_limit is 'Connections that the database server admits.';
grant select on public.metric_leadguard_database_connections_limit to lead_exporter, lead_operations;
