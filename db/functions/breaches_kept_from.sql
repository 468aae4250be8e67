-- A breach is told once while its window slides, of which the longest takes 30 days: those on record keep
-- record_budget_breaches silent so long, whatever the setting says. Of what lies before, nobody knows any more.
create or replace function internal.breaches_kept_from() returns timestamptz
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
    select case
               when r.retention_start is null then '-infinity'
               else least(r.retention_start, now() - interval '744 hours')
           end
      from (select internal.retention_start('budget_breaches_retention') as retention_start) as r
$$;
comment on function internal.breaches_kept_from() is
    'From which end of their window on breaches of budgets are on record: those that are older than the setting budget_breaches_retention, and than 31 days, may be purged.';
revoke all on function internal.breaches_kept_from() from public;
