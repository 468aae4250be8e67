-- Read live: a transaction left open keeps dead rows alive everywhere.
create or replace view public.metric_leadguard_oldest_transaction_seconds as
select public.oldest_transaction_seconds() as value;
comment on view public.metric_leadguard_oldest_transaction_seconds is
    'Age of the oldest open transaction in this database, as far as the owner may see (pg_read_all_stats: all).';
grant select on public.metric_leadguard_oldest_transaction_seconds to lead_exporter, lead_operations;
