-- Days and months of the business (seasons) are those of the standard contract's zone, never of the session.
create or replace function internal.business_time_zone() returns text
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
    select p.time_zone from internal.policy_in_force('standard', now()) as p
$$;
comment on function internal.business_time_zone() is 'The time zone of the standard policy in force.';
revoke all on function internal.business_time_zone() from public;
