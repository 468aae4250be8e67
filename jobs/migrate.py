"""`leadguard migrate`: brings a database to the shape and the functions of this release."""

import getpass
import glob
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import click
import psycopg
from yoyo import exceptions as yoyo_exceptions
from yoyo import read_migrations
from yoyo.backends.core.postgresql import PostgresqlPsycopgBackend
from yoyo.connections import parse_uri
from yoyo.migrations import MigrationList, default_migration_table

from jobs.backup import back_up, refuse_existing, size_of
from jobs.console import App, Seconds, common_options, pass_app, printable, progress
from jobs.database import SESSION, Connection, Database, to_yoyo_url
from jobs.errors import LeadguardError, describe, from_database
from jobs.exits import Exit
from jobs.paths import FUNCTIONS, MIGRATIONS, VIEWS
from jobs.readiness import (
    NotReady,
    excusing,
    faults_of_before,
    find_altered,
    remembering,
    rights_are_lost,
    shape_findings,
)
from jobs.sqlfiles import ROLES, fingerprint, sql_files
from jobs.worker import Backoff

SCHEMA = "internal"
APPLICATION = "leadguard migrate"

# Advisory locks, as (class, object) so that they cannot meet anybody's bigint keys by accident.
# RUNNING: held by the one migrate that runs. WORKING: shared by the connection that changes the
# schema, so that a run after a kill -9 waits until the server has given up the dead run's work.
_RUNNING = (0x4C50, 1)
_WORKING = (0x4C50, 2)

# A migration is not cut short by limits that are meant for clients, nor its wait for another migrate.
_NO_LIMITS = "set statement_timeout = 0; set lock_timeout = 0; set idle_session_timeout = 0"
_LOCK_TIMEOUT = "select set_config('lock_timeout', %s, false)"

RELEASE = "select name, fingerprint from internal.recorded_shape where kind = 'RELEASE'"
_ALTERED = "select exists (select from internal.inspect_shape() as s where s.status = 'FAIL') as it"
# Who may be in the way, as far as this role may see it.
_OLDEST = """
    select format(
               'process %%s (%%s), its transaction open for %%s s', a.pid,
               coalesce(nullif(a.application_name, ''), a.usename),
               round(extract(epoch from now() - a.xact_start))
           ) as it
      from pg_stat_activity as a
     where a.datname = current_database() and a.backend_type = 'client backend'
       and a.xact_start is not null and a.application_name <> %s
     order by a.xact_start
     limit 1
"""

# What a migration meets where one of its names is taken by something else.
_NAME_TAKEN = (
    psycopg.errors.WrongObjectType,
    psycopg.errors.DuplicateTable,
    psycopg.errors.DuplicateObject,
    psycopg.errors.InvalidTableDefinition,
    psycopg.errors.DatatypeMismatch,
    psycopg.errors.InvalidForeignKey,
)

Say = Callable[[str], None]


@dataclass(frozen=True)
class Patience:
    """How a change that needs a lock waits for it.

    Whoever comes behind the one that waits, waits with it: so it gives up soon, lets them pass, and asks
    again. Below deadlock_timeout (1 s), so that in a deadlock it is migrate that gives way, and no writer.
    """

    lock_timeout: float = 0.5
    attempts: int = 10


@dataclass(frozen=True)
class MigrationReport:
    """What a run did, or, if `dry_run`, what it would do."""

    applied: list[str]
    known: int
    functions: int
    views: int
    seconds: float
    dry_run: bool
    backup: str | None = None
    altered: dict[str, str] = field(default_factory=dict)  # by hand, and still so: what, and which


class Backend(PostgresqlPsycopgBackend):  # type: ignore[misc]  # yoyo carries no types
    """yoyo's backend; its connection is marked as one that changes the schema."""

    def __init__(self, dburi: Any, migration_table: str, lock_timeout: float) -> None:
        self.lock_timeout = lock_timeout
        super().__init__(dburi, migration_table)

    @contextmanager
    def copy(self) -> Iterator["Backend"]:
        """What a migration is applied with: yoyo would open a connection for each of them."""
        yield self

    def init_connection(self, connection: psycopg.Connection[Any]) -> None:
        super().init_connection(connection)
        connection.execute(SESSION)
        connection.execute(_NO_LIMITS)
        connection.execute("select pg_advisory_lock_shared(%s, %s)", _WORKING)
        connection.execute(_LOCK_TIMEOUT, [f"{round(self.lock_timeout * 1000)}ms"])


def migrate(
    url: str,
    dry_run: bool = False,
    say: Say = lambda text: None,
    *,
    patience: Patience = Patience(),
    backup: Path | None = None,
    accept_altered: bool = False,
    quiet: bool = True,
) -> MigrationReport:
    """Applies what is missing, then re-creates all functions and views; safe to repeat and to interrupt.

    Before the first change the database is dumped into `backup`, unless there is nothing to change. What a
    hand has altered, and no migration touches, is told from then on, too, unless `accept_altered`.
    """
    started = time.monotonic()
    if backup is not None:
        refuse_existing(backup)
    migrations = read_migrations(glob.escape(str(MIGRATIONS)))
    with Database(url).session(APPLICATION) as guard:
        _refuse_encoding(guard)
        pending = _pending(guard, migrations)
        if dry_run:
            return _report(migrations, pending, started, dry_run=True)
        _wait_for_turn(guard, say)
        # Somebody may have migrated, also further than we can, while we waited.
        pending = _pending(guard, migrations)
        made = backup if backup and _back_up(guard, url, backup, pending, say, quiet) else None
        for finding in shape_findings(guard):
            say(f"not as the last migrate left it: {finding['what']}: {finding['evidence']}")
        altered = [] if accept_altered else find_altered(guard)
        guard.execute("create schema if not exists internal")
        if len(pending) < len(migrations) and rights_are_lost(guard):
            say("the roles have no rights here, as after a restore to a server without them: given back")
            guard.execute(ROLES.read_bytes())
        patiently = partial(_patiently, guard, patience, say)
        with _backend(url, patience) as backend, _yoyo_lock(backend):
            for migration in backend.to_apply(migrations):
                say(f"applying {migration.id}")
                work = partial(backend.apply_migrations_only, MigrationList([migration]))
                _apply(migration.id, partial(patiently, migration.id, work))
            say("re-creating functions and views")
            with remembering(altered):
                _put_in_place(guard, partial(backend.run_post_apply, migrations), patiently, say)
        left = {finding["what"]: finding["evidence"] for finding in shape_findings(guard)}
        for what, evidence in left.items():
            say(f"still altered by hand: {what}: {evidence}. Undo it, or see migrate --accept-altered.")
    return _report(migrations, pending, started, dry_run=False, backup=made, altered=left)


def roll_back(url: str, count: int | None = None, patience: Patience = Patience()) -> list[str]:
    """Undoes the last `count` migrations (all: None) and returns their names; `migrate` brings them back."""
    migrations = read_migrations(glob.escape(str(MIGRATIONS)))

    def silent(text: str) -> None:
        pass

    with Database(url).session(APPLICATION) as guard:
        _pending(guard, migrations)
        _wait_for_turn(guard, silent)
        with _backend(url, patience) as backend, _yoyo_lock(backend):
            undone = list(backend.to_rollback(migrations))[:count]
            for migration in undone:
                work = partial(backend.rollback_migrations, MigrationList([migration]))
                _patiently(guard, patience, silent, migration.id, work)
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


def _back_up(guard: Connection, url: str, file: Path, pending: list[str], say: Say, quiet: bool) -> bool:
    """Dumps the database, unless migrate would leave it as it is; whether it did."""
    if not pending and is_as_released(guard):
        say("there is nothing to change: no backup was made")
        return False
    say(f"backing up into {file}")
    with progress("backup", None, quiet) as advance:
        size = back_up(guard, url, file, advance)
    say(f"the backup is made: {size_of(size)}; prove it with: leadguard restore-check {file}")
    return True


def is_as_released(guard: Connection) -> bool:
    """Whether migrate, with nothing pending, would find functions, views and all else as it leaves them."""
    try:
        release = guard.execute(RELEASE).fetchone()
        altered = guard.execute(_ALTERED).fetchone()
    except psycopg.Error:
        return False  # migrate will put right what is missing, or tell
    return bool(release and release["fingerprint"] == fingerprint() and altered and not altered["it"])


def _patiently(
    guard: Connection, patience: Patience, say: Say, what: str, work: Callable[[], object]
) -> None:
    """Does `work`, a transaction, again and again until it gets its locks or the attempts are used up."""
    pauses = Backoff(first=1, most=15)
    for attempt in range(1, patience.attempts + 1):
        try:
            work()
            return
        except (psycopg.errors.LockNotAvailable, psycopg.errors.DeadlockDetected) as error:
            row = guard.execute(_OLDEST, [APPLICATION]).fetchone()
            oldest = f"; perhaps in the way: {printable(row['it'])}" if row else ""
            if attempt == patience.attempts:
                times = "one try" if attempt == 1 else f"{attempt} tries"
                raise LeadguardError(
                    f"{what}: no lock was to be had within {patience.lock_timeout:g} s, in {times}{oldest}",
                    "What was applied is whole, the rest is as before: run leadguard migrate again, with"
                    " more --lock-attempts or when it is quieter.",
                    Exit.LOCKED,
                ) from error
            pause = pauses.next()
            say(
                f"{what}: no lock within {patience.lock_timeout:g} s{oldest};"
                f" try {attempt} of {patience.attempts}, the next in {pause:.1f} s"
            )
            time.sleep(pause)


def _refuse_encoding(guard: Connection) -> None:
    """Texts are in German and names from anywhere: an encoding that lacks a letter would fail half-way."""
    row = guard.execute("select current_setting('server_encoding') as it").fetchone()
    if row and row["it"] != "UTF8":
        raise LeadguardError(
            f"the encoding of this database is {row['it']}, not UTF8",
            "Nothing was changed. Take another: create database … template template0 encoding 'UTF8'",
        )


def _apply(what: str, work: Callable[[], object]) -> None:
    """A migration; where one of its names is taken by something else, that is what is said."""
    try:
        work()
    except psycopg.Error as error:
        told = from_database(error)
        if told.code is not Exit.NOT_MIGRATED and not isinstance(error, _NAME_TAKEN):
            raise
        problem = LeadguardError(
            f"{what} could not be applied: {describe(error)}",
            "Nothing of it was kept. Something here bears a name of Leadguard's and is not Leadguard's, or"
            " was altered by hand: give Leadguard a database of its own, or undo what was altered.",
        )
        problem.sqlstate = error.sqlstate
        raise problem from error


def _put_in_place(
    guard: Connection, work: Callable[[], object], patiently: Callable[..., None], say: Say
) -> None:
    """Functions, views and the readiness check, in one transaction."""
    what = "functions and views"
    try:
        try:
            patiently(what, work)
        except NotReady as refusal:
            excused = faults_of_before(guard, refusal.faults)
            if len(excused) < len(refusal.faults):
                raise
            for fault in refusal.faults:
                say(f"not held against this release: {fault['what']}: {fault['evidence']}")
            with excusing(excused):
                patiently(what, work)
    except psycopg.Error as error:
        if from_database(error).code is Exit.UNREACHABLE:
            raise
        told = from_database(error)
        hint = told.hint
        if told.code is Exit.NOT_MIGRATED:  # which this would not mend
            hint = "What is missing must come back first: by hand, as db/schema has it, or from a backup."
        problem = LeadguardError(
            f"functions and views could not be put in place: {describe(error)}",
            "None of them became visible, those of before go on." + (f" {hint}" if hint else ""),
        )
        problem.sqlstate = error.sqlstate
        raise problem from error


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
def _backend(url: str, patience: Patience) -> Iterator[Any]:
    _give_user_a_name()
    uri = parse_uri(to_yoyo_url(url, SCHEMA))
    backend = Backend(uri, default_migration_table, patience.lock_timeout)
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


def _report(
    migrations: MigrationList,
    pending: list[str],
    started: float,
    dry_run: bool,
    backup: Path | None = None,
    altered: dict[str, str] | None = None,
) -> MigrationReport:
    return MigrationReport(
        applied=pending,
        known=len(migrations) - len(pending),
        functions=len(sql_files(FUNCTIONS)),
        views=len(sql_files(VIEWS)),
        seconds=round(time.monotonic() - started, 3),
        dry_run=dry_run,
        backup=str(backup) if backup else None,
        altered=altered or {},
    )


@click.command("migrate")
@click.option("--dry-run", is_flag=True, help="Only list what would be applied.")
@click.option(
    "--backup",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Before the first change, dump the database into this new file (pg_dump must be on PATH).",
)
@click.option(
    "--lock-timeout",
    type=Seconds(0.01, 3600),
    default=Patience.lock_timeout,
    show_default=True,
    metavar="SECONDS",
    help="How long a change waits for a lock, and others behind it.",
)
@click.option(
    "--lock-attempts",
    type=click.IntRange(1, 1000),
    default=Patience.attempts,
    show_default=True,
    help="How often it asks, after pauses that grow to 15 s.",
)
@click.option(
    "--accept-altered",
    is_flag=True,
    help="Take for right what was altered by hand (tables, constraints, indexes), and no longer tell it.",
)
@common_options
@pass_app
def command(
    app: App,
    dry_run: bool,
    backup: Path | None,
    lock_timeout: float,
    lock_attempts: int,
    accept_altered: bool,
) -> None:
    """Bring the database to this release: apply what is missing, re-create functions and views.

    Each migration is a transaction; functions and views are the last one, and it ends with a check: where
    the new ones would not be ready (the rules on sample data, the stored rows), none of it becomes visible
    and those of before go on. Workers and writers may go on meanwhile. What a hand has altered is re-created
    (functions, views, triggers), or told here and by leadguard check, and stops nothing.

    Safe to repeat, to run twice at once (the second waits) and to interrupt, also by kill -9.

    \b
    Exit codes: 0 done, 1 the database refused, 3 unreachable,
    4 the database is newer than this program (nothing was changed),
    8 this release would not be ready here (its functions did not become visible),
    9 a lock was not to be had, 10 the backup could not be made (nothing was changed).

    \b
    Examples:
      leadguard migrate
      leadguard migrate --backup "before-$(date +%F-%H%M).dump" --lock-attempts 30
      leadguard migrate --dry-run --database-url postgresql://owner@db.example/leads
    """
    report = migrate(
        app.database_url,
        dry_run,
        say=lambda text: None if app.json else app.remark(text),
        patience=Patience(lock_timeout, lock_attempts),
        backup=backup,
        accept_altered=accept_altered,
        quiet=app.json or app.logs_json,
    )
    verb = "would apply" if dry_run else "applied"
    applied = ", ".join(report.applied) or "nothing"
    app.report(
        f"{verb} {applied}; {report.known} known already;"
        f" {'would re-create' if dry_run else 're-created'} {report.functions} function files"
        f" and {report.views} view files ({report.seconds:.1f} s)",
        **asdict(report),
    )
