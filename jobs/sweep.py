"""What `remind` and `expire` share: small batches until nothing is due any more."""

import time
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any, LiteralString, TypeVar

import click
import psycopg

from jobs.console import App, progress
from jobs.database import Connection
from jobs.dates import BUSINESS_ZONE, parse_moment, zone

Command = TypeVar("Command", bound=Callable[..., Any])
Rows = list[dict[str, Any]]


def moment(text: str) -> datetime:
    """A moment on the command line: RFC 3339, or a date or time in the business zone."""
    try:
        return parse_moment(text, zone(BUSINESS_ZONE))
    except ValueError as error:
        raise click.BadParameter(str(error)) from None


def sweep_options(command: Command) -> Command:
    """The options of a worker that handles what is due."""
    limit = click.option(
        "--limit",
        type=click.IntRange(1, 100_000),
        default=500,
        show_default=True,
        help="Leads in one transaction.",
    )
    at = click.option("--at", type=moment, help="Judge as of this past moment; default: now.")
    dry_run = click.option("--dry-run", is_flag=True, help="Do it in a transaction and roll that back.")
    return limit(at(dry_run(command)))


def sweep(app: App, job: str, query: LiteralString, limit: int, at: datetime | None, dry_run: bool) -> Rows:
    """One pass of a command; its run is recorded, unless it is a dry run."""
    database = app.database
    with database.session(f"leadguard {job}") as connection, progress(job, None, app.json) as advance:

        def handled() -> Rows:
            rows: Rows = []
            for batch in batches(connection, query, limit, at):
                rows += batch
                advance(len(batch))
            return rows

        if dry_run:
            with connection.transaction(force_rollback=True):
                return handled()
        with database.job_run(connection, job) as detail:
            rows = handled()
            detail["handled"] = len(rows)
        return rows


def batches(
    connection: Connection, query: LiteralString, limit: int, at: datetime | None = None
) -> Iterator[Rows]:
    """Calls `query` until nothing comes back; yields each batch once it is committed.

    A batch may be short because others were busy with its leads, so a short one is not yet the end.
    A batch that runs into statement_timeout is rolled back and tried again with half the leads, down to
    one: a limit that is too large for this database must not stop the sweep for good.
    """
    while True:
        started = time.monotonic()
        try:
            with connection.transaction():
                batch = connection.execute(query, {"limit": limit, "at": at}).fetchall()
        except psycopg.errors.QueryCanceled as error:
            if not _timed_out(connection, time.monotonic() - started):
                raise
            if limit == 1:
                error.add_note("with a single lead")
                raise
            limit //= 2
            continue
        if not batch:
            return
        yield batch


def _timed_out(connection: Connection, seconds: float) -> bool:
    """Whether it was statement_timeout, and not somebody who wants us to stop."""
    row = connection.execute(
        "select setting::integer as milliseconds from pg_catalog.pg_settings where name = 'statement_timeout'"
    ).fetchone()
    return row is not None and 0 < row["milliseconds"] <= seconds * 1000
