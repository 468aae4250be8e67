"""`leadguard expire`: records the protections that have run out."""

from datetime import datetime

import click

from jobs.console import App, common_options, pass_app
from jobs.sweep import left_over, sweep, sweep_options

EXPIRE = """
    select lead_id, user_id, end_reason, ended_at
      from public.expire_due_protections(%(limit)s, coalesce(%(at)s::timestamptz, now()))
"""


@click.command("expire")
@sweep_options("Leads")
@common_options
@pass_app
def command(app: App, limit: int, most: int, at: datetime | None, dry_run: bool) -> None:
    """Record the protections that have run out, with their events (one pass, for cron).

    The moment recorded is the exact deadline, not the time of this pass. From then on it is final.
    After a large import a pass handles --max of them and says how many are left to the next.

    \b
    Exit codes: 0 done, 1 the database refused, 3 unreachable.

    \b
    Examples:
      leadguard expire
      leadguard expire --dry-run
    """
    done = sweep(app, "expire", EXPIRE, limit, most, at, dry_run)
    verb = "would record" if dry_run else "recorded"
    text = f"{verb} {len(done.rows)} expiries" + left_over(done.left)
    app.report(text, expiries=done.rows, count=len(done.rows), left=done.left, dry_run=dry_run)
