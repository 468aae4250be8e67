"""Error texts, functions, views and runbooks as they are today, in one transaction after every migration.

The rule of order is simple: first db/functions, then db/views, each by file name (`v_…` first).
Bodies are not checked while loading, so that functions may call each other; `begin atomic` bodies and
views are parsed at once, so their files are named such that what they need comes first.
"""

from typing import Any

import psycopg
from psycopg.types.json import Jsonb
from yoyo import step

from jobs import __version__
from jobs.paths import FUNCTIONS, SCHEMA, VIEWS
from jobs.runbook_files import read_runbooks
from jobs.sqlfiles import fingerprint, load

_FIRST_COUNT = """
    select public.refresh_figures()
    from internal.figure_snapshot as f
    where f.taken_at is null
"""


def recreate(connection: psycopg.Connection[Any]) -> None:
    connection.execute("set local check_function_bodies = off")
    # "already exists, skipping" and the like are news to nobody here.
    connection.execute("set local client_min_messages = warning")
    # The database's own rights are not in a dump: after a restore they are set again.
    connection.execute((SCHEMA / "000_schemas.sql").read_bytes())
    # What the functions raise by code: a new one needs no delta either.
    connection.execute((SCHEMA / "020_error_codes.sql").read_bytes())
    load(connection, FUNCTIONS)
    load(connection, VIEWS)
    # The registry of events is what the file says; its triggers compile it with the functions of today.
    connection.execute((SCHEMA / "136_registered_events.sql").read_bytes())
    connection.execute("select public.make_outbox_partitions()")
    connection.execute("select internal.store_runbooks(%s)", [Jsonb(read_runbooks())])
    # A figure that nobody has counted yet is no series, and an alert cannot miss what it does not know: a new
    # database is counted here.
    connection.execute(_FIRST_COUNT)
    # From here on whatever is altered by hand shows in production_readiness_check().
    connection.execute("select internal.record_shape(%s, %s)", [__version__, fingerprint()])


step(recreate)
