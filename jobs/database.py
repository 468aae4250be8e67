"""How the program reaches its database: one URL, libpq's variables for what the URL leaves out."""

import json
import os
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from urllib.parse import quote, urlencode

import psycopg
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.pq import TransactionStatus
from psycopg.rows import DictRow, dict_row

from jobs.errors import UsageProblem, describe, one_line

# libpq ignores these on unix sockets.
_KEEPALIVES = {
    "keepalives_idle": 30,
    "keepalives_interval": 10,
    "keepalives_count": 3,
    "tcp_user_timeout": 60_000,
}

# What a database or role may be set to otherwise, and psycopg and our own texts rely on: how moments and
# intervals are written, and what a backslash in a string is.
SESSION = """
    select set_config('datestyle', 'ISO', false), set_config('intervalstyle', 'postgres', false),
           set_config('standard_conforming_strings', 'on', false)
"""

Connection = psycopg.Connection[DictRow]

# An interruption leaves it in the middle of a statement, or of a transaction that nobody will commit.
_BUSY = (TransactionStatus.ACTIVE, TransactionStatus.INTRANS, TransactionStatus.INERROR)

# SQLAlchemy and yoyo name the driver in the scheme; libpq does not know that.
_DRIVER_SCHEMES = ("postgresql+psycopg://", "postgres+psycopg://")


def to_conninfo(url: str) -> str:
    """`url` (a postgresql:// URL, a `key=value` DSN, or empty for the PG* variables) as a libpq DSN."""
    for scheme in _DRIVER_SCHEMES:
        if url.startswith(scheme):
            url = "postgresql://" + url[len(scheme) :]
    try:
        # Parsed and put together again: one form, whatever the URL's quoting was.
        return make_conninfo("", **conninfo_to_dict(url))
    except psycopg.ProgrammingError as error:
        # libpq's own message may quote the URL, and with it the password.
        raise UsageProblem(
            "the database URL cannot be read" + _unknown_parameter(url, str(error)),
            "It looks like postgresql://user:password@host:5432/database or"
            " postgresql:///database?host=/run/postgresql; special characters in a password are"
            " percent-encoded.",
        ) from None


def _unknown_parameter(url: str, message: str) -> str:
    """Which parameter of a URL libpq does not know; empty where it may be a piece of the password."""
    told = re.search(r'invalid URI query parameter: "(\w+)"', message)
    # A password with a slash and a question mark in it is read as a query, up to the @ of the host.
    return f": unknown parameter {told[1]}" if told and "@" not in url.partition("?")[2] else ""


def to_yoyo_url(url: str, schema: str) -> str:
    """`url` for yoyo, with its tables in `schema`.

    Everything goes into the query: yoyo passes that to psycopg unchanged, while it reads the user,
    password and host part by rules of its own.
    """
    parameters = {key: str(value) for key, value in conninfo_to_dict(to_conninfo(url)).items()}
    # No slash before the query: yoyo would take it for a database without a name.
    return "postgresql+psycopg://?" + urlencode({**parameters, "schema": schema})


def to_url(url: str) -> str:
    """`url` as a postgresql:// URL, whatever form it came in: what a person can paste behind psql.

    Without its password, which psql asks for: what is printed is read by others, and kept.
    """
    parameters = {key: str(value) for key, value in conninfo_to_dict(to_conninfo(url)).items()}
    parameters = {key: value for key, value in parameters.items() if "password" not in key}
    return f"postgresql:///{quote(parameters.pop('dbname', ''))}?" + urlencode(
        parameters, safe="/", quote_via=quote
    )


def with_database(url: str, name: str) -> str:
    """`url` for another database of the same server."""
    return make_conninfo(to_conninfo(url), dbname=name)


def drop_database(server: "Database", name: str) -> None:
    """Drops a database of ours with whoever is connected, if the server can be reached at all."""
    try:
        with server.session() as connection:
            connection.execute(
                sql.SQL("drop database if exists {} with (force)").format(sql.Identifier(name))
            )
    except psycopg.OperationalError:
        # A server that cannot be reached is what ended the work: that is the error to be shown.
        pass


@dataclass(frozen=True)
class Database:
    """A database that commands connect to; holds no connection itself."""

    url: str = ""

    @property
    def name(self) -> str:
        """What the URL calls the database; empty where it leaves that to libpq."""
        return str(conninfo_to_dict(to_conninfo(self.url)).get("dbname", ""))

    def connect(self, application: str = "leadguard") -> Connection:
        """A connection in autocommit mode: a transaction is open only where the code opens one."""
        defaults: dict[str, Any] = {}
        given = conninfo_to_dict(to_conninfo(self.url))
        if "connect_timeout" not in given and "PGCONNECT_TIMEOUT" not in os.environ:
            defaults["connect_timeout"] = 10
        # A server that vanished without a word is noticed within a minute or so, not after two hours.
        defaults |= {name: value for name, value in _KEEPALIVES.items() if name not in given}
        connection = psycopg.connect(
            to_conninfo(self.url),
            autocommit=True,
            row_factory=dict_row,
            application_name=application,
            client_encoding="UTF8",
            **defaults,
        )
        try:
            connection.execute(SESSION)
        except BaseException:
            connection.close()
            raise
        return connection

    @contextmanager
    def session(self, application: str = "leadguard") -> Iterator[Connection]:
        """A connection that is closed at the end, whatever happens."""
        connection = self.connect(application)
        try:
            yield connection
        finally:
            connection.close()

    @contextmanager
    def job_run(self, connection: Connection, job: str) -> Iterator[dict[str, Any]]:
        """Records one run of a job; what the caller puts into the dict becomes the run's detail."""
        detail: dict[str, Any] = {}
        row = connection.execute("select public.start_job_run(%s) as id", [job]).fetchone()
        assert row is not None
        try:
            yield detail
        except BaseException as error:
            # The run's record must not hide why it failed; a server that cannot be reached has none.
            detail["error"] = _told(error)[:500]
            with suppress(psycopg.Error):
                if connection.info.transaction_status in _BUSY:
                    connection.close()
                try:
                    _finish(connection, row["id"], "FAILURE", detail)
                except psycopg.OperationalError:
                    with self.session() as another:
                        _finish(another, row["id"], "FAILURE", detail)
            raise
        _finish(connection, row["id"], "SUCCESS", detail)


@contextmanager
def failed_run(connection: Connection, job: str, failure: type[Exception]) -> Iterator[None]:
    """Records what fails on the way to a run as one that failed: of other exceptions no run knows."""
    began = time.monotonic()
    try:
        yield
    except failure as error:
        with suppress(psycopg.Error):  # which must not hide what failed
            record_run(connection, job, time.monotonic() - began, "FAILURE", {"error": _told(error)[:500]})
        raise


def _told(error: BaseException) -> str:
    """Why a run failed, in one line: of a refusal the fact, not the functions through which it came."""
    if isinstance(error, psycopg.Error):
        return describe(error)
    return one_line(str(error)) or type(error).__name__


def record_run(
    connection: Connection, job: str, seconds: float, outcome: str, detail: dict[str, Any]
) -> None:
    """Records work that is over and took so many seconds."""
    connection.execute(
        "select public.record_job_run(%s, %s, %s, %s::jsonb)",
        [job, timedelta(seconds=seconds), outcome, json.dumps(detail, default=str)],
    )


def _finish(connection: Connection, run_id: int, outcome: str, detail: dict[str, Any]) -> None:
    connection.execute(
        "select public.finish_job_run(%s, %s, %s::jsonb)", [run_id, outcome, json.dumps(detail, default=str)]
    )
