"""A scrape: one read-only transaction over all `metric_*` views, within a time that is kept.

All views are read by one statement. Only when that fails is each read by itself, so that the one that is to
blame is known; from then on it is kept apart, and looked at each time, until it works again.
"""

import socket
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import psycopg
from prometheus_client.metrics_core import Metric
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict
from psycopg.rows import TupleRow

from exporter.views import BrokenView, View
from jobs.database import Database, to_conninfo
from jobs.errors import describe
from jobs.logs import logger

# Of a scrape's time, how much the one statement gets; the rest is for finding out who is slow.
_SHARE_OF_ALL = 0.5
_SECONDS_FOR_ONE = 0.1

_CATALOGUE = """
    select c.relname::text, coalesce(obj_description(c.oid, 'pg_class'), ''),
           array_agg(a.attname::text order by a.attnum)
      from pg_class as c
      join pg_attribute as a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
     where c.relnamespace = 'public'::regnamespace and c.relkind = 'v' and c.relname like 'metric\\_%'
       and has_table_privilege(c.oid, 'select')
     group by c.oid, c.relname
     order by c.relname
"""
_SESSION = """
    select set_config('search_path', 'pg_catalog, public', false), set_config('jit', 'off', false),
           set_config('statement_timeout', %s, false)
"""
_LIMIT = "select set_config('statement_timeout', %s, true)"

Connection = psycopg.Connection[TupleRow]


@dataclass
class Figures:
    """What a scrape found."""

    is_up: bool
    families: list[Metric] = field(default_factory=list)
    broken: dict[str, str] = field(default_factory=dict)  # view: why


class Reader:
    """Reads the views, over a connection that is kept from scrape to scrape; not for two threads at once."""

    def __init__(self, database: Database, seconds: float) -> None:
        self._database = database
        self._seconds = seconds
        self._connection: Connection | None = None
        self._suspects: set[str] = set()

    def read(self) -> Figures:
        """One scrape. A connection that the server has closed since the last one is replaced at once."""
        until = time.monotonic() + self._seconds
        was_kept = self._connection is not None
        try:
            return self._scrape(until)
        except psycopg.Error:
            self.close()
            if not was_kept or time.monotonic() >= until:
                raise
        try:
            return self._scrape(until)
        except psycopg.Error:
            self.close()
            raise

    def interrupt(self) -> None:
        """Ends what this reader waits for; another thread calls it when nobody wants the answer any more."""
        connection = self._connection
        try:
            if connection is not None and not connection.closed:
                with socket.fromfd(connection.fileno(), socket.AF_UNIX, socket.SOCK_STREAM) as wire:
                    wire.shutdown(socket.SHUT_RDWR)
        except (OSError, psycopg.Error):
            pass  # it has ended by itself

    def close(self) -> None:
        """Closes the connection."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def _scrape(self, until: float) -> Figures:
        if self._connection is None or self._connection.closed:
            self._connection = _connect(self._database, self._seconds * _SHARE_OF_ALL)
        connection = self._connection
        try:
            return self._transaction(connection, until, self._suspects)
        except psycopg.Error as error:
            if connection.closed:
                raise
            logger("exporter").warning("the views cannot be read together: %s", describe(error))
        return self._transaction(connection, until, None)

    def _transaction(self, connection: Connection, until: float, suspects: set[str] | None) -> Figures:
        """All views at one moment: together, but the suspects (None: all of them) one by one."""
        found = Figures(is_up=True)
        rows: Rows = defaultdict(list)
        with connection.transaction():
            catalogue = connection.execute(_CATALOGUE, prepare=True)
            views = [View(name, text, tuple(columns)) for name, text, columns in catalogue]
            doubtful = [view for view in views if suspects is None or view.view in suspects]
            _read(connection, [view for view in views if view not in doubtful], rows)
            for view in doubtful:
                self._doubt(connection, view, until, rows, found)
        self._suspects = set(found.broken)
        for view in views:
            if view.view not in found.broken:
                try:
                    found.families.append(view.family(rows[view.view]))
                except BrokenView as error:
                    found.broken[view.view] = str(error)
        return found

    def _doubt(self, connection: Connection, view: View, until: float, rows: "Rows", found: Figures) -> None:
        """One view by itself."""
        left = until - time.monotonic()
        if left <= 0:
            found.is_up = False
            found.broken[view.view] = "no time was left for it"
            return
        try:
            with connection.transaction():
                connection.execute(_LIMIT, [_milliseconds(min(left, _SECONDS_FOR_ONE))])
                _read(connection, [view], rows)
        except psycopg.Error as error:
            if connection.closed:
                raise
            found.broken[view.view] = describe(error)
            # Who waits for a lock or for the disk is not to blame: the database is not well.
            if isinstance(error, psycopg.OperationalError):
                found.is_up = False


Rows = defaultdict[str, list[Mapping[str, Any]]]


def _connect(database: Database, seconds: float) -> Connection:
    defaults: dict[str, Any] = {"connect_timeout": 2, "tcp_user_timeout": 2000}
    given = conninfo_to_dict(to_conninfo(database.url))
    connection = psycopg.connect(
        to_conninfo(database.url),
        autocommit=True,
        application_name="leadguard exporter",
        client_encoding="UTF8",
        **{name: value for name, value in defaults.items() if name not in given},
    )
    connection.read_only = True
    # All views are of one moment.
    connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
    connection.execute(_SESSION, [_milliseconds(seconds)])
    return connection


def _milliseconds(seconds: float) -> str:
    return str(max(1, round(seconds * 1000)))


def _read(connection: Connection, views: Sequence[View], rows: Rows) -> None:
    if not views:
        return
    selects = [
        sql.SQL("select {}::text, to_json(v) from public.{} as v").format(
            sql.Literal(view.view), sql.Identifier(view.view)
        )
        for view in views
    ]
    # Prepared: planning fifty views takes longer than reading them.
    for name, row in connection.execute(sql.SQL(" union all ").join(selects), prepare=True):
        rows[name].append(row)
