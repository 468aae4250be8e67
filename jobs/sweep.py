"""What `remind` and `expire` share: small batches until nothing is due any more."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, LiteralString

import click
import psycopg

from jobs.console import App, Command, dry_run_option, progress
from jobs.database import Connection
from jobs.dates import BUSINESS_ZONE, parse_moment, zone

Rows = list[dict[str, Any]]


def moment(text: str) -> datetime:
    """A moment on the command line: RFC 3339, or a date or time in the business zone."""
    try:
        return parse_moment(text, zone(BUSINESS_ZONE))
    except ValueError as error:
        raise click.BadParameter(str(error)) from None


# What one pass handles at most: after a large import the rest follows with the next passes, so that nobody
# downstream is flooded, and what is not queued yet can still be prevented by an activity that comes in.
MOST = 20_000


def sweep_options(what: str) -> Callable[[Command], Command]:
    """The options of a worker that handles what is due."""
    most = click.option(
        "--max",
        "most",
        type=click.IntRange(1),
        default=MOST,
        show_default=True,
        help=f"{what} in one pass; the next one goes on.",
    )
    limit = click.option(
        "--limit",
        type=click.IntRange(1, 100_000),
        default=500,
        show_default=True,
        help=f"{what} in one transaction.",
    )
    at = click.option("--at", type=moment, help="Judge as of this past moment; default: now.")
    return lambda command: limit(most(at(dry_run_option(command))))


@dataclass
class Pass:
    """What one pass has handled, and how many leads it left for the next one to look at."""

    rows: Rows = field(default_factory=list)
    left: int = 0


def left_over(leads: int) -> str:
    """What is to be said when a pass has ended at its maximum."""
    return f"; {leads} more leads are to be looked at: the next pass goes on" if leads else ""


def sweep(
    app: App,
    job: str,
    query: LiteralString,
    limit: int,
    most: int,
    at: datetime | None,
    dry_run: bool,
) -> Pass:
    """One pass of a command; its run is recorded, unless it is a dry run."""
    database = app.database
    with database.session(f"leadguard {job}") as connection, progress(job, None, app.json) as advance:

        def handled() -> Pass:
            done = Pass()
            for batch in batches(connection, query, limit, at, most):
                done.rows += batch
                advance(len(batch))
            if len(done.rows) >= most:
                done.left = due_leads(connection)[LEFT_TO[job]]
            return done

        if dry_run:
            with connection.transaction(force_rollback=True):
                return handled()
        with database.job_run(connection, job) as detail:
            done = handled()
            detail["handled"] = len(done.rows)
            if done.left:
                detail["left"] = done.left
        return done


# What count_due_leads() calls the leads of each job.
LEFT_TO = {"remind": "reminders", "expire": "expiries"}


def due_leads(connection: Connection) -> dict[str, int]:
    """The leads that each sweep has to look at."""
    row = connection.execute("select reminders, expiries from public.count_due_leads()").fetchone()
    assert row is not None
    return {"reminders": row["reminders"], "expiries": row["expiries"]}


def batches(
    connection: Connection,
    query: LiteralString,
    limit: int,
    at: datetime | None = None,
    most: int = MOST,
) -> Iterator[Rows]:
    """Calls `query` until nothing is left or `most` rows have come; yields each batch once it is committed.

    A batch may be short or empty because others were busy with its leads, or because it looked at many in
    vain: the end is an empty one that left as much to look at as before.
    A batch that runs into statement_timeout is rolled back and tried again with half the leads, down to
    one: a limit that is too large for this database must not stop the sweep for good.
    """
    left: dict[str, int] | None = None
    while most > 0:
        started = time.monotonic()
        try:
            with connection.transaction():
                batch = connection.execute(query, {"limit": min(limit, most), "at": at}).fetchall()
        except psycopg.errors.QueryCanceled as error:
            if not _timed_out(connection, time.monotonic() - started):
                raise
            if limit == 1:
                error.add_note("with a single lead")
                raise
            limit //= 2
            continue
        if batch:
            most -= len(batch)
            yield batch
            continue
        before, left = left, due_leads(connection)
        if left == before or not any(left.values()):
            return


def _timed_out(connection: Connection, seconds: float) -> bool:
    """Whether it was statement_timeout, and not somebody who wants us to stop."""
    row = connection.execute(
        "select setting::integer as milliseconds from pg_catalog.pg_settings where name = 'statement_timeout'"
    ).fetchone()
    return row is not None and 0 < row["milliseconds"] <= seconds * 1000
