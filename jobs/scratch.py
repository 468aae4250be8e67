"""Databases that are made for one purpose beside another one, and dropped when it is over."""

import os
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import psycopg
from psycopg import sql

from jobs.database import Database, drop_database, with_database
from jobs.errors import LeadguardError

# Text sorts and compares as it does in the database that is named, whatever the server's template has.
_LOCALE = """
    select pg_encoding_to_char(d.encoding) as encoding, d.datcollate as collate, d.datctype as ctype
      from pg_database as d
     where d.datname = current_database()
"""
_CREATE = "create database {} template template0 encoding {} lc_collate {} lc_ctype {}"


@contextmanager
def scratch_database(
    server: Database, purpose: str, is_kept: Callable[[], bool] = lambda: False
) -> Iterator[Database]:
    """An empty database beside `server`, dropped at the end, whatever the end is, unless it is kept."""
    # Nobody else's name, also where several machines share a server: it is dropped without a question.
    name = f"leadguard_{purpose}_{os.getpid()}_{secrets.token_hex(4)}"
    try:
        yield create_database(server, name)
    finally:
        if not is_kept():
            drop_database(server, name)


def create_database(server: Database, name: str) -> Database:
    """A new, empty database beside `server`."""
    with server.session("leadguard scratch") as connection:
        locale = connection.execute(_LOCALE).fetchone()
        assert locale is not None
        try:
            connection.execute(
                sql.SQL(_CREATE).format(
                    sql.Identifier(name), *(sql.Literal(each) for each in locale.values())
                )
            )
        except psycopg.errors.InsufficientPrivilege as error:
            raise LeadguardError(
                f"{connection.info.user} may not create a database here, and this is never done in one"
                " that is in use",
                f'Let a superuser say: alter role "{connection.info.user}" createdb; or name another server'
                " of the same kind with --database-url.",
            ) from error
    return Database(with_database(server.url, name))
