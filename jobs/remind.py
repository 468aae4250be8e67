"""`leadguard remind`: queues the reminders that are due."""

from collections import Counter
from datetime import datetime

import click

from jobs.console import App, common_options, pass_app
from jobs.sweep import left_over, sweep, sweep_options

DISPATCH = """
    select lead_id, user_id, reminder_type, window_start, due_at
      from public.dispatch_due_reminders(%(limit)s, coalesce(%(at)s::timestamptz, now()))
"""


@click.command("remind")
@sweep_options("Leads")
@common_options
@pass_app
def command(app: App, limit: int, most: int, at: datetime | None, dry_run: bool) -> None:
    """Queue the reminders that are due, with their events (one pass, for cron).

    They go out with `leadguard publish`, and the ten days of grace run from then. Overlapping passes
    do no harm: each reminder is queued once. After a large import a pass queues --max of them, those
    longest due first, and says how many leads are left to the next: nobody downstream is flooded, and
    an activity entered meanwhile still prevents what is not queued yet.

    \b
    Exit codes: 0 done, 1 the database refused, 3 unreachable.

    \b
    Examples:
      leadguard remind
      leadguard remind --dry-run --json
      leadguard remind --max 1000
    """
    done = sweep(app, "remind", DISPATCH, limit, most, at, dry_run)
    users = Counter(row["user_id"] for row in done.rows)
    verb = "would queue" if dry_run else "queued"
    text = f"{verb} {len(done.rows)} reminders"
    if done.left and users:
        user, count = users.most_common(1)[0]
        text += f" for {len(users)} users (most: {count} for user {user})"
    app.report(
        text + left_over(done.left),
        reminders=done.rows,
        count=len(done.rows),
        users=len(users),
        left=done.left,
        dry_run=dry_run,
    )
