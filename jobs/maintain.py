"""`leadguard maintain`: what keeps the database small: partitions made ahead, and what is too old dropped."""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import LiteralString

import click

from jobs.console import App, common_options, dry_run_option, pass_app, progress
from jobs.database import Connection

_BATCH = 10_000
_DROP = "select partition_name, is_dropped from public.drop_outbox_partitions()"


@dataclass
class Maintained:
    """What one pass did."""

    partitions_made: int
    partitions_dropped: list[str]
    partitions_busy: list[str]  # somebody reads the archive: the next pass drops them
    inbox_ids_purged: int
    inbox_dead_letters_purged: int
    budget_breaches_purged: int
    job_runs_purged: int
    mail_purged: int
    milestones_planned: int


def maintain(connection: Connection, advance: Callable[[int], None] = lambda rows: None) -> Maintained:
    """One pass. Small steps, each its own transaction in autocommit mode; repeating it does nothing more."""
    made = _number(connection, "select public.make_outbox_partitions() as number")
    old = connection.execute(_DROP).fetchall()
    return Maintained(
        partitions_made=made,
        partitions_dropped=[row["partition_name"] for row in old if row["is_dropped"]],
        partitions_busy=[row["partition_name"] for row in old if not row["is_dropped"]],
        inbox_ids_purged=_purge(connection, "select public.purge_inbox(%s) as number", advance),
        inbox_dead_letters_purged=_purge(
            connection, "select public.purge_inbox_dead_letters(%s) as number", advance
        ),
        budget_breaches_purged=_purge(
            connection, "select public.purge_budget_breaches(%s) as number", advance
        ),
        job_runs_purged=_purge(connection, "select public.purge_job_runs(%s) as number", advance),
        mail_purged=_purge(connection, "select public.purge_mail_messages(%s) as number", advance),
        milestones_planned=_number(connection, "select public.plan_seasons() as number"),
    )


def _purge(connection: Connection, query: LiteralString, advance: Callable[[int], None]) -> int:
    purged = 0
    while True:
        batch = _number(connection, query, _BATCH)
        purged += batch
        advance(batch)
        if batch < _BATCH:
            return purged


def _number(connection: Connection, query: LiteralString, *parameters: int) -> int:
    row = connection.execute(query, parameters).fetchone()
    assert row is not None
    return int(row["number"])


@click.command("maintain")
@dry_run_option
@common_options
@pass_app
def command(app: App, dry_run: bool) -> None:
    """Make partitions and the seasons' calendars ahead, drop and delete what is too old (one pass, for cron).

    How long what is kept stands in the table settings: outbox_retention (published events, dropped by
    the month), inbox_retention (ids of applied events), inbox_dead_letters_retention (those refused,
    from when they last came), budget_breaches_retention (31 days at least), job_runs_retention (runs of
    the workers), mail_retention (reminder mail that was sent). Once a day is enough.
    Gives way to whoever reads the archive: what is busy is dropped by the next pass.

    \b
    Exit codes: 0 done, 1 the database refused, 3 unreachable, 7 not migrated.

    \b
    Examples:
      leadguard maintain --dry-run
      leadguard maintain --json
      17 3 * * *  leadguard maintain        # crontab
    """
    database = app.database
    with (
        database.session("leadguard maintain") as connection,
        progress("maintain", None, app.json) as advance,
    ):
        if dry_run:
            with connection.transaction(force_rollback=True):
                result = maintain(connection, advance)
        else:
            with database.job_run(connection, "maintain") as detail:
                result = maintain(connection, advance)
                detail.update(asdict(result))
    would = "would have " if dry_run else ""
    dropped = ", ".join(result.partitions_dropped) or "none"
    app.report(
        f"{would}made {result.partitions_made} partitions of the archive, dropped {dropped}, deleted"
        f" {result.inbox_ids_purged} ids of applied events, {result.inbox_dead_letters_purged} dead letters"
        f" of the inbox, {result.budget_breaches_purged} breaches of budgets, {result.job_runs_purged} runs"
        f" of workers and {result.mail_purged} messages, planned {result.milestones_planned} tasks of"
        " seasons",
        **asdict(result),
        dry_run=dry_run,
    )
    if result.partitions_busy:
        app.remark(f"somebody reads {', '.join(result.partitions_busy)}: the next pass drops that")
