"""One lead as the tables have it: what commands about a single lead share."""

import re
from datetime import datetime
from typing import Any

import psycopg
from rich.text import Text

from jobs.console import printable
from jobs.database import Connection
from jobs.dates import Dates
from jobs.errors import LeadguardError, UsageProblem, one_line
from jobs.tables import Table

_LEAD = """
    select l.id as lead_id, l.user_id, u.display_name as user_name, l.company_name, l.city, l.contact_name,
           l.contact_email, l.contact_phone, l.external_id, l.created_at, l.converted_at
      from public.leads as l
      left join public.sales_users as u on u.user_id = l.user_id
     where l.id = %s
"""
_PROTECTION = "select * from public.lead_protection_at(%(lead)s, coalesce(%(at)s::timestamptz, now()))"
_REFUSAL = "select message, hint from public.error_codes where code = 'LP001'"

# The columns of v_user_lead_protection that answer something, in the order in which one asks.
FIELDS = {
    "state": "state",
    "user_id": "user",
    "protection_expires_at": "protected until",
    "days_remaining": "days remaining",
    "reminder_due_at": "reminder due",
    "reminder_sent_at": "reminder sent",
    "grace_ends_at": "grace ends",
    "base_expires_at": "base term ends",
    "clock_stopped_since": "on hold since",
    "hold_until": "hold planned until",
    "last_qualified_activity_at": "last qualified activity",
    "protection_started_at": "protected since",
    "end_reason": "end reason",
    "policy": "policy",
}


def read_lead(connection: Connection, lead: int) -> dict[str, Any]:
    """The lead's own row; one that does not exist is refused as the database does (LP001)."""
    row = connection.execute(_LEAD, [lead]).fetchone()
    if row is None:
        refusal = connection.execute(_REFUSAL).fetchone() or {"message": "unknown lead", "hint": None}
        error = LeadguardError(
            f"the database refused: LP001: {refusal['message']} (No lead has id {lead}.)", refusal["hint"]
        )
        error.sqlstate = "LP001"
        raise error
    return row


def read_protection(connection: Connection, lead: int, at: datetime | None = None) -> dict[str, Any] | None:
    """The row of v_user_lead_protection as of a moment (none: now); none before the lead's start."""
    return connection.execute(_PROTECTION, {"lead": lead, "at": at}).fetchone()


def shown(value: Any, dates: Dates) -> str:
    """A value of the row as people read it."""
    if value is None:
        return "–"
    return dates.moment(value) if isinstance(value, datetime) else printable(str(value))


def differences(before: dict[str, Any] | None, after: dict[str, Any] | None) -> list[str]:
    """The fields in which two rows differ."""
    return [name for name in FIELDS if (before or {}).get(name) != (after or {}).get(name)]


def side_by_side(
    before: dict[str, Any] | None, after: dict[str, Any] | None, headings: tuple[str, str], dates: Dates
) -> Table:
    """Two rows of one lead beside each other; what differs is marked, also without colour."""
    changed = differences(before, after)
    table = Table("", "", *headings)
    for name, label in FIELDS.items():
        values = [shown((row or {}).get(name), dates) for row in (before, after)]
        if values == ["–", "–"]:
            continue
        style = "bold yellow" if name in changed else ""
        mark = "→" if name in changed else ""
        table.add_row(label, Text(mark, style=style), Text(values[0]), Text(values[1], style=style))
    return table


# PostgreSQL takes a number alone for seconds; whoever types it means days.
_NUMBER = re.compile(r"[\s@+-]*(?:[0-9]+[.,]?[0-9]*|[.,][0-9]+)[\s.,]*")
# And it passes over a comma: 1,5 hours would be 1 day and 5 hours.
_DECIMAL_COMMA = re.compile(r"[0-9],[0-9]")
# To PostgreSQL 6M are six minutes, but P6M six months, as in the company.
_LONE_M = re.compile(r"(?!\s*[+-]?P).*[0-9]\s*M(?![a-z])", re.IGNORECASE | re.DOTALL)
# One that reaches past the last of all timestamps is refused, too.
_INTERVAL = (
    "select i.it::text, now() + i.it is not null as is_within_time from (values (%s::interval)) as i (it)"
)


def interval(connection: Connection, text: str, option: str) -> str:
    """The interval that `text` names, as PostgreSQL writes it; what it cannot read is wrong usage."""
    if _NUMBER.fullmatch(text):
        raise _no_interval(option, text, "a number alone, without its unit")
    if _DECIMAL_COMMA.search(text):
        raise _no_interval(option, text, "a decimal comma; write a point")
    if _LONE_M.match(text):
        raise _no_interval(option, text, "M may be months or minutes")
    try:
        row = connection.execute(_INTERVAL, [text]).fetchone()
    except psycopg.DataError as error:
        raise _no_interval(option, text, one_line(error.diag.message_primary or "")) from None
    assert row is not None
    return str(row["it"])


def _no_interval(option: str, text: str, reason: str) -> UsageProblem:
    return UsageProblem(
        f"{option}: {text!r} is no interval ({reason})", "Write '30 days', '6 weeks', '1 month 12 hours'."
    )
