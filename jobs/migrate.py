"""`leadguard migrate`: brings a database to the shape and the functions of this release."""

import getpass
import glob
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import Any

import click
import psycopg
from yoyo import exceptions as yoyo_exceptions
from yoyo import read_migrations
from yoyo.backends.core.postgresql import PostgresqlPsycopgBackend
from yoyo.connections import parse_uri
from yoyo.migrations import MigrationList, default_migration_table

from jobs.console import App, common_options, pass_app
from jobs.database import Connection, Database, to_yoyo_url
from jobs.errors import LeadguardError
from jobs.exits import Exit
from jobs.paths import FUNCTIONS, MIGRATIONS, VIEWS
from jobs.sqlfiles import sql_files

SCHEMA = "internal"
APPLICATION = "leadguard migrate"

# Advisory locks, as (class, object) so that they cannot meet anybody's bigint keys by accident.
# RUNNING: held by the one migrate that runs. WORKING: shared by each connection that changes the
# schema, so that a run after a kill -9 waits until the server has given up the dead run's work.
_RUNNING = (0x4C50, 1)
_WORKING = (0x4C50, 2)

# A migration is not cut short by limits that are meant for clients.
_NO_LIMITS = "set statement_timeout = 0; set lock_timeout = 0; set idle_session_timeout = 0"

Say = Callable[[str], None]


@dataclass(frozen=True)
class MigrationReport:
    """What a run did, or, if `dry_run`, what it would do."""

    applied: list[str]
    known: int
    functions: int
    views: int
    seconds: float
    dry_run: bool


class Backend(PostgresqlPsycopgBackend):  # type: ignore[misc]  # yoyo carries no types
    """yoyo's backend; each of its connections is marked as one that changes the schema."""

    def init_connection(self, connection: psycopg.Connection[Any]) -> None:
        super().init_connection(connection)
        connection.execute(_NO_LIMITS)
        connection.execute("select pg_advisory_lock_shared(%s, %s)", _WORKING)


def migrate(url: str, dry_run: bool = False, say: Say = lambda text: None) -> MigrationReport:
    """Applies what is missing, then re-creates all functions and views; safe to repeat and to interrupt."""
    started = time.monotonic()
    migrations = read_migrations(glob.escape(str(MIGRATIONS)))
    with Database(url).session(APPLICATION) as guard:
        pending = _pending(guard, migrations)
        if dry_run:
            return _report(migrations, pending, started, dry_run=True)
        _wait_for_turn(guard, say)
        # Somebody may have migrated, also further than we can, while we waited.
        pending = _pending(guard, migrations)
        guard.execute("create schema if not exists internal")
        with _backend(url) as backend, _yoyo_lock(backend):
            for migration in backend.to_apply(migrations):
                say(f"applying {migration.id}")
                backend.apply_migrations_only(MigrationList([migration]))
            say("re-creating functions and views")
            backend.run_post_apply(migrations)
    return _report(migrations, pending, started, dry_run=False)


def roll_back(url: str, count: int | None = None) -> list[str]:
    """Undoes the last `count` migrations (all: None) and returns their names; `migrate` brings them back."""
    migrations = read_migrations(glob.escape(str(MIGRATIONS)))
    with Database(url).session(APPLICATION) as guard:
        _pending(guard, migrations)
        _wait_for_turn(guard, lambda text: None)
        with _backend(url) as backend, _yoyo_lock(backend):
            undone = MigrationList(list(backend.to_rollback(migrations))[:count])
            backend.rollback_migrations(undone)
            return [migration.id for migration in undone]


def pending(connection: Connection) -> list[str]:
    """The names of the migrations of this program that the database lacks; refuses one that is ahead."""
    return _pending(connection, read_migrations(glob.escape(str(MIGRATIONS))))


def _pending(connection: Connection, migrations: MigrationList) -> list[str]:
    """The names of the migrations still to apply; refuses a database that is ahead of us.

    Reads yoyo's table directly: yoyo would create its tables in order to look.
    """
    exists = connection.execute("select to_regclass('internal._yoyo_migration') is not null as it").fetchone()
    applied: set[str] = set()
    if exists and exists["it"]:
        # yoyo's oldest table format has no such column; it never existed in our schema.
        rows = connection.execute("select migration_id from internal._yoyo_migration").fetchall()
        applied = {row["migration_id"] for row in rows}
    ours = [migration.id for migration in migrations]
    if unknown := sorted(applied.difference(ours)):
        raise LeadguardError(
            f"the database is newer than this program: it has {', '.join(unknown)}",
            "Nothing was changed. Use the release that applied it, or a later one.",
            Exit.NEWER,
        )
    return [name for name in ours if name not in applied]


def _wait_for_turn(guard: Connection, say: Say) -> None:
    guard.execute(_NO_LIMITS)
    row = guard.execute("select pg_try_advisory_lock(%s, %s) as mine", _RUNNING).fetchone()
    if row and not row["mine"]:
        say("another migrate is running here: waiting for it")
        guard.execute("select pg_advisory_lock(%s, %s)", _RUNNING)
    row = guard.execute("select pg_try_advisory_lock(%s, %s) as free", _WORKING).fetchone()
    if row and not row["free"]:
        say("the server still works for a migrate that was killed: waiting until it has given up")
        guard.execute("select pg_advisory_lock(%s, %s)", _WORKING)
    guard.execute("select pg_advisory_unlock(%s, %s)", _WORKING)


@contextmanager
def _backend(url: str) -> Iterator[Any]:
    _give_user_a_name()
    backend = Backend(parse_uri(to_yoyo_url(url, SCHEMA)), default_migration_table)
    with backend:
        backend.init_database()
        yield backend


@contextmanager
def _yoyo_lock(backend: Any) -> Iterator[None]:
    # We hold the advisory lock, so a row in yoyo's lock table is what a killed run left behind.
    backend.break_lock()
    try:
        with backend.lock():
            yield
    except yoyo_exceptions.BadMigration as error:
        raise LeadguardError(f"a migration file cannot be read: {error}") from error


def _give_user_a_name() -> None:
    """yoyo logs who migrates; in a container the user id often has no name, and yoyo would fail."""
    try:
        getpass.getuser()
    except (KeyError, OSError):
        os.environ["LOGNAME"] = f"uid-{os.getuid()}"


def _report(migrations: MigrationList, pending: list[str], started: float, dry_run: bool) -> MigrationReport:
    return MigrationReport(
        applied=pending,
        known=len(migrations) - len(pending),
        functions=len(sql_files(FUNCTIONS)),
        views=len(sql_files(VIEWS)),
        seconds=round(time.monotonic() - started, 3),
        dry_run=dry_run,
    )


@click.command("migrate")
@click.option("--dry-run", is_flag=True, help="Only list what would be applied.")
@common_options
@pass_app
def command(app: App, dry_run: bool) -> None:
    """Bring the database to this release: apply what is missing, re-create functions and views.

    Safe to repeat, to run twice at once (the second waits) and to interrupt, also by kill -9.

    \b
    Exit codes: 0 done, 1 the database refused, 3 unreachable,
    4 the database is newer than this program (nothing was changed).

    \b
    Examples:
      leadguard migrate
      leadguard migrate --dry-run --database-url postgresql://owner@db.example/leads
    """
    report = migrate(app.database_url, dry_run, say=lambda text: None if app.json else app.remark(text))
    verb = "would apply" if dry_run else "applied"
    applied = ", ".join(report.applied) or "nothing"
    app.report(
        f"{verb} {applied}; {report.known} known already;"
        f" {'would re-create' if dry_run else 're-created'} {report.functions} function files"
        f" and {report.views} view files ({report.seconds:.1f} s)",
        **asdict(report),
    )
