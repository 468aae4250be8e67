-- Is the server one that may be trusted with other people's deadlines?
create or replace function internal.inspect_server() returns setof public.readiness_finding
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
    select 'PostgreSQL version',
           case when v.major < 15 then 'FAIL' when v.major > 18 then 'WARN' else 'OK' end,
           current_setting('server_version'),
           case when v.major not between 15 and 18 then 'Leadguard is tested on PostgreSQL 15 to 18.' end
      from (select current_setting('server_version_num')::integer / 10000 as major) as v
     union all
    select 'database encoding', case when e.encoding = 'UTF8' then 'OK' else 'FAIL' end, e.encoding,
           case when e.encoding <> 'UTF8' then 'Make the database anew with encoding UTF8.' end
      from (select current_setting('server_encoding') as encoding) as e
     union all
    select 'primary', case when pg_is_in_recovery() then 'FAIL' else 'OK' end,
           case when pg_is_in_recovery() then 'a standby, read only' else 'takes writes' end,
           case when pg_is_in_recovery() then 'Check the primary.' end
     union all
    select 'extensions', 'OK',
           'none needed' || coalesce('; there are ' || string_agg(x.extname || ' ' || x.extversion, ', '), ''),
           null
      from pg_extension as x
     union all
    select s.what,
           case when s.value = any (s.good) then 'OK' else s.otherwise end,
           s.name || ' = ' || s.value,
           case when s.value <> all (s.good) then s.what_to_do end
      from (values
               ('nothing lost in a crash', 'fsync', array['on'], 'FAIL', 'Set fsync = on and restart.'),
               ('whole pages after a crash', 'full_page_writes', array['on'], 'FAIL', 'Set full_page_writes = on.'),
               (
                   'a commit is durable', 'synchronous_commit',
                   array['on', 'local', 'remote_write', 'remote_apply'], 'WARN',
                   'Set synchronous_commit = on: else a crash forgets the last commits.'
               ),
               (
                   'write-ahead log', 'wal_level', array['replica', 'logical'], 'WARN',
                   'Set wal_level = replica: backups to a point in time and standbys need it.'
               ),
               ('autovacuum', 'autovacuum', array['on'], 'FAIL', 'Set autovacuum = on.')
           ) as v (what, name, good, otherwise, what_to_do)
     cross join lateral (select v.*, current_setting(v.name) as value) as s
     union all
    select 'time zones', case when count(*) filter (where not p.is_known) = 0 and z.is_right then 'OK' else 'FAIL' end,
           string_agg(p.time_zone || case when p.is_known then '' else ' (unknown)' end, ', ' order by p.time_zone),
           case
               when count(*) filter (where not p.is_known) > 0 or not z.is_right
                   then 'The server''s time zone data lacks them: install tzdata, restart.'
           end
      from (
          select q.time_zone, internal.is_time_zone(q.time_zone) as is_known
            from (select distinct d.time_zone from public.protection_policies as d) as q
      ) as p
     -- Summer time is in the data, not only the names.
     cross join (
         select timezone('Europe/Berlin', timestamp '2025-07-01 12:00') = timestamptz '2025-07-01 10:00+00'
                and timezone('Europe/Berlin', timestamp '2025-12-01 12:00') = timestamptz '2025-12-01 11:00+00'
                as is_right
     ) as z
     group by z.is_right
     union all
    select 'connections', case when c.used > 0.8 * c.most then 'WARN' else 'OK' end,
           format('%s of %s in use', c.used, c.most),
           case when c.used > 0.8 * c.most then 'Raise max_connections, or put a pooler in front.' end
      from (
          select (select count(*) from pg_stat_activity as a where a.backend_type = 'client backend') as used,
                 current_setting('max_connections')::integer as most
      ) as c
$$;
comment on function internal.inspect_server() is 'Findings on the version, the settings and the time zones of the server.';
revoke all on function internal.inspect_server() from public;
