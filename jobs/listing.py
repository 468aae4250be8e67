"""`leadguard list`: leads by user, state and what is due, the most urgent first."""

import csv
import io
from typing import Any

import click
from rich.text import Text

from jobs.console import ID, App, common_options, locale_option, pass_app, printable, short_name, stdout
from jobs.console import to_json as as_json
from jobs.csvfile import guarded
from jobs.database import Connection
from jobs.dates import Dates
from jobs.lead import interval
from jobs.status import STATES
from jobs.tables import Table

# What comes next by itself. Under an open hold nothing does.
_LEADS = """
    select v.lead_id, l.company_name, l.city, v.user_id, v.state, n.next_at, n.next_event,
           v.protection_expires_at, v.days_remaining, v.clock_stopped_since, v.hold_until, l.external_id
      from public.v_user_lead_protection as v
      join public.leads as l on l.id = v.lead_id
      left join lateral (
          select d.at as next_at, d.event as next_event
            from (values
                 (v.reminder_due_at, 'reminder falls due', v.state = 'PROTECTED'),
                 (v.reminder_due_at, 'reminder is due', v.state = 'REMINDER_DUE'),
                 (v.grace_ends_at, 'grace ends', v.state = 'GRACE'),
                 (v.base_expires_at, 'base term ends', v.state in ('PROTECTED', 'REMINDER_DUE', 'GRACE'))
                 ) as d (at, event, is_ahead)
           where d.is_ahead and (v.clock_stopped_since is null or v.hold_until is not null)
           order by d.at
           limit 1
      ) as n on true
     where (%(users)s::bigint[] is null or v.user_id = any (%(users)s::bigint[]))
       and (%(states)s::text[] is null or v.state = any (%(states)s::text[]))
       and (%(within)s::interval is null or n.next_at < now() + %(within)s::interval)
     order by n.next_at nulls last, v.protection_expires_at desc nulls last, v.lead_id
     limit %(limit)s
"""
COLUMNS = (
    "lead_id",
    "company_name",
    "city",
    "user_id",
    "state",
    "next_at",
    "next_event",
    "protection_expires_at",
    "days_remaining",
    "clock_stopped_since",
    "hold_until",
    "external_id",
)


def leads(
    connection: Connection, users: list[int], states: list[str], within: str | None, limit: int
) -> list[dict[str, Any]]:
    """The leads that fit, what is due next first, at most `limit`."""
    parameters = {"users": users or None, "states": states or None, "within": within, "limit": limit}
    return connection.execute(_LEADS, parameters).fetchall()


def as_csv(rows: list[dict[str, Any]]) -> str:
    """The rows as CSV; no spreadsheet takes a name for a formula."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(COLUMNS)
    for row in rows:
        writer.writerow(_cell(row[name]) for name in COLUMNS)
    return out.getvalue()


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if not isinstance(value, str):
        return value.isoformat() if hasattr(value, "isoformat") else str(value)
    return guarded(printable(value))


def table(rows: list[dict[str, Any]], dates: Dates) -> Table:
    found = Table()
    for heading in ("Lead", "Company", "User", "State", "Next", "Protected until"):
        least = {"Company": 14, "Next": 10, "Protected until": 10}.get(heading)
        found.add_column(heading, no_wrap=least is None, min_width=least, overflow="fold")
    for row in rows:
        held = dates.day(row["clock_stopped_since"])
        ahead = f"{dates.day(row['next_at'])} {row['next_event'] or ''}".strip()
        found.add_row(
            str(row["lead_id"]),
            Text(short_name(row["company_name"])),
            str(row["user_id"]),
            row["state"],
            "; ".join(part for part in (ahead, f"on hold since {held}" if held else "") if part),
            dates.day(row["protection_expires_at"]),
        )
    return found


@click.command("list")
@click.option("--user", "users", type=ID, multiple=True, metavar="USER", help="Of this user; repeatable.")
@click.option(
    "--state",
    "states",
    type=click.Choice(STATES, case_sensitive=False),
    multiple=True,
    help="In this state; repeatable.",
)
@click.option(
    "--due-within",
    metavar="INTERVAL",
    help="Whose next reminder or end comes within this, such as '10 days'; overdue ones too.",
)
@click.option(
    "--limit", type=click.IntRange(1, 1_000_000), default=50, show_default=True, help="At most so many."
)
@click.option("--csv", "is_csv", is_flag=True, help="Print CSV, for spreadsheets.")
@locale_option
@common_options
@pass_app
def command(
    app: App,
    users: tuple[int, ...],
    states: tuple[str, ...],
    due_within: str | None,
    limit: int,
    is_csv: bool,
) -> None:
    """List leads, the one with the next reminder or end first.

    Leads under an open hold have nothing ahead until it ends; they and the ended ones come last.
    In CSV a name that a spreadsheet would take for a formula is preceded by an apostrophe.

    \b
    JSON: {"leads": [{"lead_id", "company_name", "city", "user_id", "state", "next_at", "next_event",
    "protection_expires_at", "days_remaining", "clock_stopped_since", "hold_until", "external_id"}],
    "count", "limited": whether there may be more}

    \b
    Exit codes: 0 done, 2 wrong usage (an interval that cannot be read), 3 unreachable.

    \b
    Examples:
      leadguard list --user 7 --due-within '10 days'
      leadguard list --state GRACE --state REMINDER_DUE --limit 200 --csv
      leadguard list --json
    """
    with app.database.session("leadguard list") as connection:
        within = interval(connection, due_within, "--due-within") if due_within is not None else None
        rows = leads(connection, list(users), list(states), within, limit + 1)
    is_limited = len(rows) > limit
    rows = rows[:limit]
    if app.json:
        click.echo(as_json({"leads": rows, "count": len(rows), "limited": is_limited}))
        return
    if is_csv:
        click.echo(as_csv(rows), nl=False)
    else:
        stdout().print(table(rows, app.dates) if rows else "No lead fits.")
    if is_limited:
        app.remark(f"only the first {limit} are shown; --limit shows more")
