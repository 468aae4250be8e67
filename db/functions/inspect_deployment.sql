-- What a release must be able to do, or migrate takes it back before anybody has seen it: its rules on sample
-- data, its registry, and what is stored as it computes it. Rights, settings and jobs are people's: an
-- installation that lacks them must be able to migrate all the same.
create or replace function internal.inspect_deployment() returns setof public.readiness_finding
language sql
set search_path = pg_catalog, pg_temp
as $$
    select * from internal.inspect_rules()
     union all
    select * from internal.inspect_event_types()
     union all
    select * from internal.inspect_stored_rows()
$$;
comment on function internal.inspect_deployment() is
    'Those findings of production_readiness_check() that a release can be blamed for. Needs a transaction that may write.';
revoke all on function internal.inspect_deployment() from public;
