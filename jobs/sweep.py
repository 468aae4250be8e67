"""What `remind` and `expire` share: small batches until nothing is due any more."""

from collections.abc import Callable
from datetime import datetime
from typing import Any, LiteralString, TypeVar

import click

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
    """Calls `query` until fewer rows than the limit come back; a batch is a transaction."""
    database = app.database
    with database.session(f"leadguard {job}") as connection, progress(job, None, app.json) as advance:

        def batches() -> Rows:
            handled: Rows = []
            while True:
                batch = _batch(connection, query, limit, at)
                handled += batch
                advance(len(batch))
                if len(batch) < limit:
                    return handled

        if dry_run:
            with connection.transaction(force_rollback=True):
                return batches()
        with database.job_run(connection, job) as detail:
            rows = batches()
            detail["handled"] = len(rows)
        return rows


def _batch(connection: Connection, query: LiteralString, limit: int, at: datetime | None) -> Rows:
    return connection.execute(query, {"limit": limit, "at": at}).fetchall()
