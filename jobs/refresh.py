"""`leadguard refresh`: counts the figures into the snapshot that the exporter reads."""

from typing import Any

import click

from jobs.console import App, common_options, pass_app
from jobs.database import Connection

_REFRESH = "select taken_at, notes_added from public.refresh_figures()"


def refresh(connection: Connection) -> dict[str, Any]:
    """One pass: what was counted, as of when."""
    row = connection.execute(_REFRESH).fetchone()
    assert row is not None
    return row


@click.command("refresh")
@common_options
@pass_app
def command(app: App) -> None:
    """Count the figures into the snapshot that the exporter reads (one pass, for cron, every minute).

    One statement counts all of them, so that they are of one moment. Counters only grow: what was
    purged or deleted since stays counted. Passes that overlap wait for each other.

    \b
    Exit codes: 0 done, 1 the database refused, 3 unreachable, 7 not migrated.

    \b
    Examples:
      leadguard refresh
      * * * * *  leadguard refresh        # crontab
    """
    database = app.database
    with (
        database.session("leadguard refresh") as connection,
        database.job_run(connection, "refresh") as detail,
    ):
        done = refresh(connection)
        detail["notes_added"] = done["notes_added"]
    moment = app.dates.moment(done["taken_at"])
    app.report(
        f"counted the figures as of {moment}; counters grew by {done['notes_added']}",
        **done,
    )
