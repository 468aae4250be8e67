"""Error texts, functions, views and runbooks as they are today, in one transaction after every migration.

The rule of order is simple: first db/functions, then db/views, each by file name (`v_…` first), then those
functions that have triggers, for which tables are locked. Bodies are not checked while loading, so that
functions may call each other; `begin atomic` bodies and views are parsed at once, so their files are named
such that what they need comes first. The check comes last: what would not be ready is not committed.
"""

from typing import Any

import psycopg
from psycopg.types.json import Jsonb
from yoyo import step

from jobs import __version__
from jobs.paths import FUNCTIONS, VIEWS
from jobs.readiness import altered_before, require_readiness, rights_are_lost, validate
from jobs.runbook_files import read_runbooks
from jobs.sqlfiles import (
    CHECKS,
    ERROR_CODES,
    EVENTS,
    RIGHTS,
    fingerprint,
    grants,
    load,
    makes_triggers,
    sql_files,
)

_FIRST_COUNT = """
    select public.refresh_figures()
    from internal.figure_snapshot as f
    where f.taken_at is null
"""
# All tables that have triggers at once: whoever writes is let through before, or waits until the end. In the
# writers' order, leads first and the outbox last, so that few of them are met half-way.
_LOCK = """
    do $$
    declare
        v_tables text;
    begin
        select string_agg(
                   format('%I.%I', x.nspname, x.relname), ', '
                   order by x.relname <> 'leads', x.relname = 'outbox', x.relname
               )
          into v_tables
          from (
              select distinct n.nspname, c.relname
                from pg_trigger as t
                join pg_proc as p on p.oid = t.tgfoid and p.pronamespace = 'internal'::regnamespace
                join pg_class as c on c.oid = t.tgrelid and c.relkind = 'r'
                join pg_namespace as n on n.oid = c.relnamespace
          ) as x;
        if v_tables is not null then
            execute 'lock table ' || v_tables || ' in share row exclusive mode';
        end if;
    end
    $$
"""


def recreate(connection: psycopg.Connection[Any]) -> None:
    # What takes its time is done before anything is locked.
    runbooks = read_runbooks()
    release = fingerprint()
    connection.execute("set local check_function_bodies = off")
    # "already exists, skipping" and the like are news to nobody here.
    connection.execute("set local client_min_messages = warning")
    # The database's own rights are not in a dump: after a restore they are set again.
    connection.execute(RIGHTS.read_bytes())
    # What checks and generated columns call.
    for path in CHECKS:
        connection.execute(path.read_bytes())
    if rights_are_lost(connection):
        for statement in grants():
            connection.execute(statement)
    # What the functions raise by code: a new one needs no delta either.
    connection.execute(ERROR_CODES.read_bytes())
    load(connection, FUNCTIONS, lambda path: not makes_triggers(path))
    load(connection, VIEWS)
    connection.execute("select public.make_outbox_partitions()")
    connection.execute("select internal.store_runbooks(%s)", [Jsonb(runbooks)])
    # A figure that nobody has counted yet is no series, and an alert cannot miss what it does not know: a new
    # database is counted here.
    connection.execute(_FIRST_COUNT)
    connection.execute(_LOCK)
    load(connection, FUNCTIONS, makes_triggers)
    # The registry of events is what the file says; its triggers compile it with the functions of today.
    connection.execute(EVENTS.read_bytes())
    # From here on whatever is altered by hand shows in production_readiness_check().
    connection.execute("select internal.record_shape(%s, %s)", [__version__, release])
    validate(connection, (path.stem for path in sql_files(FUNCTIONS)))
    require_readiness(connection)
    connection.execute("select internal.recall_shape(%s)", [Jsonb(altered_before())])


step(recreate)
