-- Whoever changes a request holds its row before anything else; were the lead then left free, its deletion would take
-- it, wait for that row, and meet in a ring whatever else the same transaction does to requests of this lead. It may
-- not wait for the lead either (lock_clocks): one that is being deleted is passed over.
create or replace function internal.share_free_lead(p_lead_id bigint) returns void
language sql
set search_path = pg_catalog, pg_temp
as $$
    select from public.leads as l where l.id = p_lead_id for key share skip locked
$$;
comment on function internal.share_free_lead(bigint) is
    'Keeps a lead from being deleted until the transaction ends, unless that is under way; never waits. Null, or an id without a lead: nothing.';
revoke all on function internal.share_free_lead(bigint) from public;
