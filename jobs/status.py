"""`leadguard status`: how the leads stand, what is due next, what waits in the outbox."""

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import click
from rich.table import Table

from jobs.console import App, common_options, pass_app, stdout
from jobs.console import to_json as as_json
from jobs.database import Connection
from jobs.dates import BUSINESS_ZONE, zone

# In the order of a lead's life.
STATES = ("PROTECTED", "REMINDER_DUE", "GRACE", "EXPIRED", "CONVERTED")

_COUNTS = """
    select state,
           count(*) as leads,
           count(*) filter (where clock_stopped_since is not null) as on_hold
      from public.v_user_lead_protection
     group by state
"""

# What will happen by itself: an open hold moves all of it, so leads on hold are left out.
_DEADLINES = """
    select d.at, d.what, v.lead_id, l.company_name, v.user_id, v.state
      from public.v_user_lead_protection as v
      join public.leads as l on l.id = v.lead_id
     cross join lateral (values
           (v.reminder_due_at, 'reminder falls due', v.state = 'PROTECTED'),
           (v.grace_ends_at, 'grace ends', v.state = 'GRACE'),
           (v.base_expires_at, 'base term ends', v.state in ('PROTECTED', 'REMINDER_DUE', 'GRACE'))
           ) as d (at, what, is_ahead)
     where d.is_ahead and d.at > now() and v.clock_stopped_since is null
     order by d.at, v.lead_id
     limit %s
"""

_OUTBOX = "select count(*) as pending, min(created_at) as oldest from public.outbox"


def counts(connection: Connection) -> list[dict[str, Any]]:
    """Leads by state, every state in its place even when empty."""
    found = {row["state"]: row for row in connection.execute(_COUNTS)}
    return [found.get(state, {"state": state, "leads": 0, "on_hold": 0}) for state in STATES]


def deadlines(connection: Connection, limit: int) -> list[dict[str, Any]]:
    """What happens next if nobody does anything."""
    return connection.execute(_DEADLINES, [limit]).fetchall()


def backlog(connection: Connection) -> dict[str, Any]:
    """The events not yet published."""
    row = connection.execute(_OUTBOX).fetchone()
    return row or {"pending": 0, "oldest": None}


def counts_table(rows: list[dict[str, Any]]) -> Table:
    table = Table("State", "Leads", "on hold", title="Leads by state", title_justify="left")
    for column in table.columns[1:]:
        column.justify = "right"
    for row in rows:
        table.add_row(row["state"], str(row["leads"]), str(row["on_hold"] or ""))
    return table


def deadlines_table(rows: list[dict[str, Any]], where: ZoneInfo) -> Table:
    table = Table("When", "What", "Lead", "Company", "User", "State", title="Due next", title_justify="left")
    for row in rows:
        lead, user = str(row["lead_id"]), str(row["user_id"])
        table.add_row(clock(row["at"], where), row["what"], lead, row["company_name"], user, row["state"])
    return table


def clock(at: datetime | None, where: ZoneInfo) -> str:
    """A moment as people read it, in the business zone."""
    return at.astimezone(where).strftime("%Y-%m-%d %H:%M") if at else ""


@click.command("status")
@click.option(
    "--next",
    "upcoming",
    type=click.IntRange(0, 1000),
    default=10,
    show_default=True,
    help="How many deadlines are shown.",
)
@common_options
@pass_app
def command(app: App, upcoming: int) -> None:
    """Show the leads by state, what is due next, and the outbox's backlog.

    \b
    Exit codes: 0 done, 3 unreachable, 7 not migrated.

    \b
    Examples:
      leadguard status
      leadguard status --next 30 --json
    """
    with app.database.session("leadguard status") as connection, connection.transaction():
        # One snapshot, so that the figures belong together.
        connection.execute("set transaction isolation level repeatable read read only")
        states, due, waiting = counts(connection), deadlines(connection, upcoming), backlog(connection)
    if app.json:
        click.echo(as_json({"states": states, "due_next": due, "outbox": waiting}))
        return
    where = zone(BUSINESS_ZONE)
    console = stdout()
    console.print(counts_table(states))
    console.print(deadlines_table(due, where))
    oldest = f", the oldest since {clock(waiting['oldest'], where)}" if waiting["oldest"] else ""
    console.print(f"Outbox: {waiting['pending']} events pending{oldest}. Times are {where.key}.")
