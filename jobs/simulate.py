"""`leadguard simulate`: "what if?", beside what is."""

import json
import sys
from datetime import datetime
from pathlib import Path
from typing import Any

import click
from psycopg.types.json import Jsonb
from rich.text import Text

from jobs.console import ID, App, common_options, locale_option, pass_app, stdout
from jobs.console import to_json as as_json
from jobs.database import Connection
from jobs.errors import UsageProblem
from jobs.lead import differences, read_lead, read_protection, side_by_side
from jobs.sweep import moment

_SIMULATE = """
    select * from public.simulate_lead_protection(%(lead)s, %(facts)s, coalesce(%(at)s::timestamptz, now()))
"""


def simulate(
    connection: Connection, lead: int, facts: dict[str, Any], at: datetime | None
) -> tuple[dict[str, Any] | None, dict[str, Any] | None]:
    """The row as it is and as it would be, both of one moment."""
    with connection.transaction():
        connection.execute("set transaction isolation level repeatable read read only")
        read_lead(connection, lead)
        # The facts first: what is malformed is refused, whatever the lead is.
        parameters = {"lead": lead, "facts": Jsonb(facts), "at": at}
        supposed = connection.execute(_SIMULATE, parameters).fetchone()
        return read_protection(connection, lead, at), supposed


def _span(text: str) -> dict[str, str]:
    """START..END of a hold on the command line; END may be left out for an open one."""
    start, dots, end = text.partition("..")
    if not dots:
        raise click.BadParameter(f"{text!r} is not START..END, nor START.. for an open one")
    hold = {"start_at": moment(start).isoformat()}
    return hold | {"end_at": moment(end).isoformat()} if end.strip() else hold


def _facts(text: str) -> dict[str, Any]:
    """The facts as JSON, from the command line, a file, or stdin."""
    where = "--facts"
    if not text.lstrip().startswith("{"):
        where = text
        try:
            text = sys.stdin.read() if text == "-" else Path(text).read_text("utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise UsageProblem(
                f"{where} cannot be read: {getattr(error, 'strerror', None) or error}",
                'Give a file, - for stdin, or the JSON itself, such as {"activities": []}.',
            ) from None
    try:
        facts = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise UsageProblem(f"{where} is no JSON: {error}") from None
    if not isinstance(facts, dict):
        raise UsageProblem(f"{where} is no JSON object", 'It has the members "activities" and "holds".')
    return facts


@click.command("simulate")
@click.argument("lead", type=ID)
@click.option(
    "--activity",
    "activities",
    type=moment,
    multiple=True,
    metavar="MOMENT",
    help="Suppose a qualified activity then; repeatable.",
)
@click.option(
    "--hold",
    "holds",
    type=_span,
    multiple=True,
    metavar="START..END",
    help="Suppose a hold; without END an open one; repeatable.",
)
@click.option(
    "--facts",
    metavar="JSON|FILE",
    help='More facts: {"activities": [{"occurred_at", "activity_type", "user_id"}], "holds": [{"start_at",'
    ' "end_at", "user_id"}]}, a file of that, or - for stdin.',
)
@click.option("--at", type=moment, help="As of this moment, past or future; default: now.")
@locale_option
@common_options
@pass_app
def command(
    app: App,
    lead: int,
    activities: tuple[datetime, ...],
    holds: tuple[dict[str, str], ...],
    facts: str | None,
    at: datetime | None,
) -> None:
    """Show how LEAD stands beside how it would stand with supposed facts; changes nothing.

    Facts dated after the moment of the answer do not exist: to try out a future one, give a later --at.

    \b
    JSON: {"lead_id", "facts", "now", "simulated": rows of v_user_lead_protection (null: not
    registered yet), "changed": [columns]}

    \b
    Exit codes: 0 done, 1 the database refused (LP001 unknown lead, LP008 unknown activity type,
    LP016 malformed facts), 2 wrong usage, 3 unreachable.

    \b
    Examples:
      leadguard simulate 4711 --activity 2026-11-20
      leadguard simulate 4711 --hold "01.11.2026..15.11.2026" --at 2026-12-24
      leadguard simulate 4711 --facts facts.json --json
    """
    supposed = _facts(facts) if facts is not None else {}
    for name, given in (
        ("activities", [{"occurred_at": activity.isoformat()} for activity in activities]),
        ("holds", list(holds)),
    ):
        if given:
            listed = supposed.get(name) or []
            if not isinstance(listed, list):
                raise UsageProblem(f'"{name}" of --facts is no list')
            supposed[name] = [*listed, *given]
    if not supposed:
        raise UsageProblem("nothing is supposed", "Give --activity, --hold or --facts.")
    with app.database.session("leadguard simulate") as connection:
        now, then = simulate(connection, lead, supposed, at)
    changed = differences(now, then)
    if app.json:
        told = {"lead_id": lead, "facts": supposed, "now": now, "simulated": then, "changed": changed}
        click.echo(as_json(told))
        return
    when = f" as of {app.dates.moment(at)}" if at else ""
    console = stdout()
    console.print(Text(f"Lead {lead}{when}: " + ("it would change" if changed else "nothing would change")))
    console.print(side_by_side(now, then, ("as it is", "as it would be"), app.dates))
