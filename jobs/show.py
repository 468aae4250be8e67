"""`leadguard show`: one lead, its protection in words, and the facts behind it."""

from datetime import datetime
from typing import Any, LiteralString

import click
from rich.console import Group, RenderableType
from rich.text import Text

from jobs.console import ID, App, common_options, locale_option, pass_app, printable, stdout
from jobs.console import to_json as as_json
from jobs.database import Connection
from jobs.dates import Dates
from jobs.explain import sentence
from jobs.lead import read_lead, read_protection, shown
from jobs.sweep import moment
from jobs.tables import Table

# Facts dated after the moment do not exist yet; the latest first.
_FACTS: dict[str, LiteralString] = {
    "periods": """
        select user_id, started_at, start_reason, case when ended_at <= %(at)s then ended_at end as ended_at,
               case when ended_at <= %(at)s then end_reason end as end_reason, recorded_at, start_note,
               policy, policy_version
          from public.lead_protection_periods
         where lead_id = %(lead)s and started_at <= %(at)s
         order by started_at desc
    """,
    "holds": """
        select id, user_id, start_at, end_at, reason, created_by, released_by
          from public.lead_holds
         where lead_id = %(lead)s and start_at <= %(at)s
         order by start_at desc, id desc
    """,
    "extensions": """
        select id, user_id, granted_at, extension::text as extension, reason, granted_by
          from public.lead_extensions
         where lead_id = %(lead)s and granted_at <= %(at)s
         order by granted_at desc, id desc
    """,
    "activities": """
        select a.id, a.user_id, a.occurred_at, a.activity_type, t.is_qualified, a.summary
          from public.lead_activities as a
          join public.activity_types as t on t.activity_type = a.activity_type
         where a.lead_id = %(lead)s and a.occurred_at <= %(at)s
         order by a.occurred_at desc, a.id desc
    """,
    "reminders": """
        select id, user_id, reminder_type, window_start, due_at, case when sent_at <= %(at)s then sent_at end
               as sent_at, channel
          from public.lead_reminders
         where lead_id = %(lead)s and due_at <= %(at)s
         order by due_at desc, id desc
    """,
}
_COLUMNS: dict[str, dict[str, str]] = {
    "periods": {
        "user_id": "user",
        "started_at": "from",
        "start_reason": "because",
        "ended_at": "to",
        "end_reason": "because",
    },
    "holds": {"user_id": "user", "start_at": "from", "end_at": "to", "reason": "reason"},
    "extensions": {"user_id": "user", "granted_at": "granted", "extension": "by", "reason": "reason"},
    "activities": {
        "user_id": "user",
        "occurred_at": "at",
        "activity_type": "type",
        "is_qualified": "qualified",
        "summary": "summary",
    },
    "reminders": {"user_id": "user", "reminder_type": "type", "due_at": "due", "sent_at": "sent"},
}


def show(connection: Connection, lead: int, at: datetime | None) -> dict[str, Any]:
    """The lead, its protection and its facts, all of one moment."""
    with connection.transaction():
        connection.execute("set transaction isolation level repeatable read read only")
        row = read_lead(connection, lead)
        now = connection.execute("select now() as at").fetchone()
        assert now is not None
        told = {"at": at or now["at"], "lead": row, "protection": read_protection(connection, lead, at)}
        parameters = {"lead": lead, "at": told["at"]}
        return told | {name: connection.execute(q, parameters).fetchall() for name, q in _FACTS.items()}


def rendered(told: dict[str, Any], limit: int, dates: Dates) -> RenderableType:
    """The lead for a person: who it is, the answer, what comes next, the facts."""
    lead, protection = told["lead"], told["protection"]
    explained = {
        "lead_id": lead["lead_id"],
        "protection": protection and protection | {"company_name": lead["company_name"]},
    }
    parts: list[RenderableType] = [Text(sentence(explained, dates), style="bold")]
    parts += [Text(line) for line in (_who(lead, dates), *_ahead(protection, dates)) if line]
    for name, columns in _COLUMNS.items():
        rows = told[name]
        if rows:
            parts.append(_table(name, columns, rows[:limit], len(rows), dates))
    parts.append(Text(f"As of {dates.moment(told['at'])} ({dates.where.key}).", style="dim"))
    return Group(*parts)


def _who(lead: dict[str, Any], dates: Dates) -> str:
    contact = [lead[name] for name in ("contact_name", "contact_email", "contact_phone") if lead[name]]
    said = [
        f"in {lead['city']}" if lead["city"] else "",
        f"contact {', '.join(contact)}" if contact else "",
        f"registered {dates.moment(lead['created_at'])}",
        f"user {lead['user_id']} is {lead['user_name']}" if lead["user_name"] else "",
        f"external id {lead['external_id']}" if lead["external_id"] else "",
    ]
    return printable("; ".join(part for part in said if part))


def _ahead(protection: dict[str, Any] | None, dates: Dates) -> list[str]:
    """What happens if nobody does anything."""
    if protection is None or protection["days_remaining"] is None:
        return []
    due, grace, base = (
        dates.moment(protection[name]) for name in ("reminder_due_at", "grace_ends_at", "base_expires_at")
    )
    match protection["state"]:
        case "PROTECTED":
            lines = [f"Without a qualified activity a reminder falls due {due}."]
        case "REMINDER_DUE":
            lines = [f"The reminder has been due since {due}; sent now, the grace would end {grace}."]
        case _:
            sent = dates.moment(protection["reminder_sent_at"])
            lines = [f"The reminder was sent {sent}; without a qualified activity the grace ends {grace}."]
    lines.append(f"The base term ends {base}.")
    if protection["clock_stopped_since"]:
        until = dates.moment(protection["hold_until"])
        lines.append(
            f"On hold since {dates.moment(protection['clock_stopped_since'])}"
            + (f" until {until}." if until else ", with no end planned: every date above moves along.")
        )
    return lines


def _table(name: str, columns: dict[str, str], rows: list[dict[str, Any]], count: int, dates: Dates) -> Table:
    told = f"({count})" if count == len(rows) else f"(the latest {len(rows)} of {count})"
    table = Table(title=f"{name.capitalize()} {told}", title_justify="left")
    for column, heading in columns.items():
        table.add_column(heading, no_wrap=column not in ("reason", "summary"), overflow="fold")
    for row in rows:
        table.add_row(*(Text(_cell(row[column], dates)) for column in columns))
    return table


def _cell(value: Any, dates: Dates) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return shown(value, dates)


@click.command("show")
@click.argument("lead", type=ID)
@click.option("--at", type=moment, help="As of this moment, past or future; default: now.")
@click.option(
    "--limit",
    type=click.IntRange(1, 100_000),
    default=10,
    show_default=True,
    help="The latest so many of each kind of fact; JSON has them all.",
)
@locale_option
@common_options
@pass_app
def command(app: App, lead: int, at: datetime | None, limit: int) -> None:
    """Show LEAD: whose it is, until when, what comes next, and its facts, the latest first.

    LEAD is the lead's id. Facts dated after --at are left out.

    \b
    JSON: {"at", "lead", "protection": the row of v_user_lead_protection (null: not registered yet),
    "periods": [], "holds": [], "extensions": [], "activities": [], "reminders": []}

    \b
    Exit codes: 0 done, 1 the database refused (LP001: unknown lead), 3 unreachable.

    \b
    Examples:
      leadguard show 4711
      leadguard show 4711 --at 2026-08-31
      leadguard show 4711 --json
    """
    with app.database.session("leadguard show") as connection:
        told = show(connection, lead, at)
    if app.json:
        click.echo(as_json(told))
        return
    stdout().print(rendered(told, limit, app.dates))
