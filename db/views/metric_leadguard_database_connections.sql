-- Read live, of all databases of the server: they share the limit.
create or replace view public.metric_leadguard_database_connections as
select count(*)::double precision as value
from pg_catalog.pg_stat_activity as a
where a.datid is not null;
comment on view public.metric_leadguard_database_connections is 'Connections to the database server.';
grant select on public.metric_leadguard_database_connections to lead_exporter, lead_operations;
