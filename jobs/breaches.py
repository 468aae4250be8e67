"""`leadguard breaches`: records the promises that time has broken: catering unanswered, a lead too dear."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

import click

from jobs.console import App, common_options, pass_app, progress, short_name
from jobs.database import Connection
from jobs.sweep import MOST, Rows, sweep_options

_CATERING = """
    select id, lead_id, user_id, event_type, requested_at, breached_at
      from public.record_catering_breaches(%(limit)s, %(at)s)
"""
_BUDGET = """
    select team, time_window, window_started_at, cost_per_lead_eur, budget_eur
      from public.record_budget_breaches(%(at)s)
"""


def catering_breaches(
    connection: Connection, limit: int, at: datetime | None = None, most: int = MOST
) -> Iterator[Rows]:
    """Each batch of catering requests whose breach has been recorded; a short one is the last."""
    while most > 0:
        asked = min(limit, most)
        with connection.transaction():
            batch = connection.execute(_CATERING, {"limit": asked, "at": at}).fetchall()
        most -= len(batch)
        if batch:
            yield batch
        if len(batch) < asked:
            return


def budget_breaches(connection: Connection, at: datetime | None = None) -> Rows:
    """The windows whose breach of the budget has been recorded."""
    with connection.transaction():
        return connection.execute(_BUDGET, {"at": at}).fetchall()


@click.command("breaches")
@sweep_options("Catering requests")
@common_options
@pass_app
def command(app: App, limit: int, most: int, at: datetime | None, dry_run: bool) -> None:
    """Record catering requests unanswered in time and cost per lead over budget (one pass, for cron).

    Each breach is recorded and told (event.catering.sla_breached, cost.per_lead.budget_exceeded) once: a
    request once for all, a budget once per window (1h, 24h, 7d, 30d) of a team and of the company. How
    long an answer may take and what a lead may cost stand in the table settings: catering_sla,
    cost_per_lead_budget.

    \b
    Exit codes: 0 done, 1 the database refused, 3 unreachable.

    \b
    Examples:
      leadguard breaches
      leadguard breaches --dry-run --json
    """
    database = app.database
    with (
        database.session("leadguard breaches") as connection,
        progress("breaches", None, app.json) as advance,
    ):

        def handled() -> tuple[Rows, Rows]:
            late: Rows = []
            for batch in catering_breaches(connection, limit, at, most):
                late += batch
                advance(len(batch))
            return late, budget_breaches(connection, at)

        if dry_run:
            with connection.transaction(force_rollback=True):
                late, dear = handled()
        else:
            with database.job_run(connection, "breaches") as detail:
                late, dear = handled()
                detail.update(catering=len(late), budget=len(dear))
    app.report(
        sentence(late, dear, dry_run),
        catering=late,
        budget=dear,
        dry_run=dry_run,
    )


def sentence(late: Rows, dear: Rows, dry_run: bool = False) -> str:
    """What was recorded; a line for each window over budget."""
    verb = "would record" if dry_run else "recorded"
    text = f"{verb} {len(late)} catering requests unanswered in time, {len(dear)} windows over budget"
    return "\n  ".join([text, *map(_window, dear)])


def _window(row: dict[str, Any]) -> str:
    scope = "the company" if row["team"] is None else f"team {short_name(row['team'])}"
    cost, budget = row["cost_per_lead_eur"], row["budget_eur"]
    return f"{scope}, {row['time_window']}: {cost:.2f} EUR per new lead, budget {budget:.2f} EUR"
