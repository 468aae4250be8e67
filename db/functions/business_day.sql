-- Tasks fall due by the day in the business zone, whatever the session's zone is.
create or replace function internal.business_day(p_at timestamptz) returns date
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
    select timezone(
               internal.business_time_zone(), coalesce(internal.checked_moment(p_at, 'at', true), now())
           )::date
$$;
comment on function internal.business_day(timestamptz) is
    'The day in the business zone at a moment (null: now). Errors: LP006.';
revoke all on function internal.business_day(timestamptz) from public;
