"""`leadguard explain`: every fact of a lead in time order, and what it did to the clocks."""

from datetime import datetime
from pathlib import Path
from typing import Any

import click
from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.text import Text

from jobs.console import (
    ID,
    App,
    common_options,
    locale_option,
    pass_app,
    printable,
    short_name,
    stdout,
    write_document,
)
from jobs.console import to_json as as_json
from jobs.database import Connection
from jobs.dates import Dates
from jobs.errors import LeadguardError
from jobs.sweep import moment
from jobs.tables import Table
from jobs.timeline import timeline
from jobs.timeline_svg import picture
from jobs.timeline_text import draw

_STEPS = """
    select step, at, fact, effect, clock, reminder_due_at, protection_expires_at, kind, user_id, counts
      from public.explain_lead_protection(%(lead)s, coalesce(%(at)s::timestamptz, now()))
     order by step
"""
_ANSWER = """
    select l.company_name, p.*
      from public.lead_protection_at(%(lead)s, coalesce(%(at)s::timestamptz, now())) as p
      join public.leads as l on l.id = p.lead_id
"""

_STYLES = {"RUNNING": "green", "STOPPED": "yellow", "ENDED": "red"}
# From so many columns on, each thing told has a column of its own.
_WIDE = 116


def explain(connection: Connection, lead: int, at: datetime | None) -> dict[str, Any]:
    """The answer as of `at`, and the steps that lead to it; both of one moment."""
    with connection.transaction():
        connection.execute("set transaction isolation level repeatable read read only")
        steps = connection.execute(_STEPS, {"lead": lead, "at": at}).fetchall()
        answer = connection.execute(_ANSWER, {"lead": lead, "at": at}).fetchone()
    return {"lead_id": lead, "protection": answer, "steps": steps}


class _Picture:
    """The timeline, as wide as the console that it is printed on."""

    def __init__(self, explained: dict[str, Any], dates: Dates) -> None:
        self.line = timeline(explained)
        self.dates = dates

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        if self.line is not None:
            yield from draw(self.line, self.dates, options.max_width, options.ascii_only)


class _Steps:
    """The steps as a table, narrow on a narrow console."""

    def __init__(self, explained: dict[str, Any], dates: Dates) -> None:
        self.explained = explained
        self.dates = dates

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        table = Table(title=f"Lead {self.explained['lead_id']}, step by step ({self.dates.where.key})")
        table.title_justify = "left"
        wide = options.max_width >= _WIDE
        if wide:
            for heading in ("", "When", "Fact", "Effect", "Clock", "Reminder due", "Protected until"):
                table.add_column(heading, no_wrap=heading not in ("Fact", "Effect"))
        else:
            for heading in ("When", "Fact, and its effect", "Clock", "Reminder due\nProtected until"):
                table.add_column(heading, no_wrap=not heading.startswith("Fact"))
        for step in self.explained["steps"]:
            when, due, until = (
                self.dates.moment(step[name]) for name in ("at", "reminder_due_at", "protection_expires_at")
            )
            # What people typed is data, never markup.
            fact, effect = Text(printable(step["fact"])), Text(printable(step["effect"]))
            state = Text(step["clock"] or "", style=_STYLES.get(step["clock"], ""))
            if wide:
                table.add_row(str(step["step"]), when, fact, effect, state, due, until)
            else:
                told = fact.append("\n").append(effect.plain, "italic")
                table.add_row(when, told, state, f"{due}\n{until}", end_section=True)
        yield table


def rendered(explained: dict[str, Any], dates: Dates) -> RenderableType:
    """The answer in a sentence, its timeline, and the steps as a table."""
    parts: list[RenderableType] = [Text(sentence(explained, dates), style="bold")]
    if explained["protection"] is not None:
        parts += [Text(), _Picture(explained, dates), Text()]
    return Group(*parts, _Steps(explained, dates))


def sentence(explained: dict[str, Any], dates: Dates) -> str:
    """Whose lead it is, until when, and why, in one sentence."""
    answer = explained["protection"]
    if answer is None:
        return f"Lead {explained['lead_id']} was not protected at that moment."
    name = f" ({short_name(answer['company_name'])})" if answer["company_name"] else ""
    until = dates.moment(answer["protection_expires_at"])
    if answer["state"] == "CONVERTED":
        return f"Lead {explained['lead_id']}{name}: CONVERTED by user {answer['user_id']}."
    if answer["days_remaining"] is None:
        reason = f" ({answer['end_reason']})" if answer["end_reason"] else ""
        return (
            f"Lead {explained['lead_id']}{name}: {answer['state']} since {until}{reason},"
            f" was user {answer['user_id']}'s."
        )
    held = dates.moment(answer["clock_stopped_since"])
    return (
        f"Lead {explained['lead_id']}{name}: {answer['state']}, user {answer['user_id']}'s until {until}"
        f" ({answer['days_remaining']} days)" + (f"; on hold since {held}." if held else ".")
    )


def drawn(explained: dict[str, Any], dates: Dates) -> str:
    """The timeline as an SVG document."""
    line = timeline(explained)
    if line is None:
        raise LeadguardError(
            f"there is nothing to draw: {sentence(explained, dates)}", "Give a later --at, or none for now."
        )
    name = explained["protection"]["company_name"]
    title = f"Lead {explained['lead_id']}" + (f" – {name}" if name else "")
    told = sentence(explained, dates).partition(": ")[2]
    return picture(line, title, told, dates)


@click.command("explain")
@click.argument("lead", type=ID)
@click.option("--at", type=moment, help="As of this moment, past or future; default: now.")
@click.option(
    "--svg",
    type=click.Path(dir_okay=False, allow_dash=True, path_type=Path),
    metavar="FILE",
    help="Draw the timeline into this file instead; - is stdout.",
)
@locale_option
@common_options
@pass_app
def command(app: App, lead: int, at: datetime | None, svg: Path | None) -> None:
    """Explain whose LEAD it is, until when, and why: every fact and what it did to the clocks.

    LEAD is the lead's id. First the answer, then a timeline, then the facts one by one. Times are
    printed in the business zone.

    \b
    JSON: {"lead_id", "protection": the row of v_user_lead_protection (null: not registered yet),
    "steps": [the rows of explain_lead_protection]}

    With --svg the JSON goes to stdout all the same, unless the picture goes there.

    \b
    Exit codes: 0 done, 1 the database refused (LP001: unknown lead) or there is nothing to draw
    (not registered at that moment), 2 the file cannot be written, 3 unreachable.

    \b
    Examples:
      leadguard explain 4711
      leadguard explain 4711 --svg lead-4711.svg
      leadguard explain 4711 --at "31.08.2026 14:30" --json
    """
    with app.database.session("leadguard explain") as connection:
        explained = explain(connection, lead, at)
    if svg:
        write_document(svg, drawn(explained, app.dates))
        if str(svg) == "-":
            return
        if not app.json:
            app.report(f"{sentence(explained, app.dates)}\ndrawn into {svg}")
            return
    if app.json:
        click.echo(as_json(explained))
        return
    stdout().print(rendered(explained, app.dates))
