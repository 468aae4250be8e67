"""`leadguard explain`: every fact of a lead in time order, and what it did to the clocks."""

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import click
from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from jobs.console import App, common_options, pass_app, stdout
from jobs.console import to_json as as_json
from jobs.database import Connection
from jobs.dates import BUSINESS_ZONE, zone
from jobs.status import clock
from jobs.sweep import moment

_STEPS = """
    select step, at, fact, effect, clock, reminder_due_at, protection_expires_at
      from public.explain_lead_protection(%(lead)s, coalesce(%(at)s::timestamptz, now()))
     order by step
"""
_ANSWER = """
    select l.company_name, p.*
      from public.lead_protection_at(%(lead)s, coalesce(%(at)s::timestamptz, now())) as p
      join public.leads as l on l.id = p.lead_id
"""

_STYLES = {"RUNNING": "green", "STOPPED": "yellow", "ENDED": "red"}


def explain(connection: Connection, lead: int, at: datetime | None) -> dict[str, Any]:
    """The answer as of `at`, and the steps that lead to it; both of one moment."""
    with connection.transaction():
        connection.execute("set transaction isolation level repeatable read read only")
        steps = connection.execute(_STEPS, {"lead": lead, "at": at}).fetchall()
        answer = connection.execute(_ANSWER, {"lead": lead, "at": at}).fetchone()
    return {"lead_id": lead, "protection": answer, "steps": steps}


def rendered(explained: dict[str, Any], where: ZoneInfo) -> RenderableType:
    """The explanation as a table, and the answer in a sentence."""
    columns = ("", "When", "Fact", "Effect", "Clock", "Reminder due", "Protected until")
    table = Table(*columns, title_justify="left")
    table.title = f"Lead {explained['lead_id']}, step by step ({where.key})"
    for step in explained["steps"]:
        # What people typed is data, never markup.
        table.add_row(
            str(step["step"]),
            clock(step["at"], where),
            Text(step["fact"] or ""),
            Text(step["effect"] or ""),
            Text(step["clock"] or "", style=_STYLES.get(step["clock"], "")),
            clock(step["reminder_due_at"], where),
            clock(step["protection_expires_at"], where),
        )
    return Group(table, Text(sentence(explained, where)))


def sentence(explained: dict[str, Any], where: ZoneInfo) -> str:
    """Whose lead it is, until when, and why, in one sentence."""
    answer = explained["protection"]
    if answer is None:
        return f"Lead {explained['lead_id']} was not protected at that moment."
    name = f" ({answer['company_name']})" if answer["company_name"] else ""
    until = clock(answer["protection_expires_at"], where)
    if answer["state"] == "CONVERTED":
        return f"Lead {explained['lead_id']}{name}: CONVERTED by user {answer['user_id']}."
    if answer["days_remaining"] is None:
        reason = f" ({answer['end_reason']})" if answer["end_reason"] else ""
        return (
            f"Lead {explained['lead_id']}{name}: {answer['state']} since {until}{reason},"
            f" was user {answer['user_id']}'s."
        )
    held = clock(answer["clock_stopped_since"], where)
    return (
        f"Lead {explained['lead_id']}{name}: {answer['state']}, user {answer['user_id']}'s until {until}"
        f" ({answer['days_remaining']} days)" + (f"; on hold since {held}." if held else ".")
    )


def show(explained: dict[str, Any], console: Console) -> None:
    console.print(rendered(explained, zone(BUSINESS_ZONE)))


@click.command("explain")
@click.argument("lead", type=int)
@click.option("--at", type=moment, help="As of this moment, past or future; default: now.")
@common_options
@pass_app
def command(app: App, lead: int, at: datetime | None) -> None:
    """Explain whose LEAD it is, until when, and why: every fact and what it did to the clocks.

    LEAD is the lead's id. Times are printed in the business zone.

    \b
    Exit codes: 0 done, 1 the database refused (LP001: unknown lead), 3 unreachable.

    \b
    Examples:
      leadguard explain 4711
      leadguard explain 4711 --at "31.08.2026 14:30" --json
    """
    with app.database.session("leadguard explain") as connection:
        explained = explain(connection, lead, at)
    if app.json:
        click.echo(as_json(explained))
        return
    show(explained, stdout())
