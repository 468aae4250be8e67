"""`leadguard remind`: queues the reminders that are due."""

from datetime import datetime

import click

from jobs.console import App, common_options, pass_app
from jobs.sweep import sweep, sweep_options

DISPATCH = """
    select lead_id, user_id, reminder_type, window_start, due_at
      from public.dispatch_due_reminders(%(limit)s, coalesce(%(at)s::timestamptz, now()))
"""


@click.command("remind")
@sweep_options
@common_options
@pass_app
def command(app: App, limit: int, at: datetime | None, dry_run: bool) -> None:
    """Queue the reminders that are due, with their events (one pass, for cron).

    They go out with `leadguard publish`, and the ten days of grace run from then. Overlapping passes
    do no harm: each reminder is queued once.

    \b
    Exit codes: 0 done, 1 the database refused, 3 unreachable.

    \b
    Examples:
      leadguard remind
      leadguard remind --dry-run --json
    """
    rows = sweep(app, "remind", DISPATCH, limit, at, dry_run)
    verb = "would queue" if dry_run else "queued"
    app.report(f"{verb} {len(rows)} reminders", reminders=rows, count=len(rows), dry_run=dry_run)
