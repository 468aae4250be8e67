"""Reminder mail as its reader gets it: from what the database tells to a message, in German or English.

Names are what people typed: on one line, unable to turn the direction of what follows, and escaped in HTML.
"""

import re
from dataclasses import dataclass
from datetime import datetime
from email import policy
from email.header import Header
from email.headerregistry import Address as MailAddress
from email.headerregistry import BaseHeader, HeaderRegistry
from email.message import EmailMessage
from email.policy import Policy
from email.utils import format_datetime
from functools import cache
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

from jobs.console import printable

TEMPLATES = Path(__file__).with_name("templates")
# Longer ones are cut: a subject is read in a list, a table on a telephone.
_LONGEST = 70
# Blanks that nobody sees, and that make two names look alike.
_INVISIBLE = re.compile("[\u00ad\u034f\u180e\u200b-\u200d\u2060-\u2064\ufe00-\ufe0f]+")
# What may stand in an address: no blank, control character, bracket, or second @.
_LOCAL_PART = re.compile(r"[^\s@<>()\[\]\\,;:\"\x00-\x1f\x7f-\x9f]{1,64}")
_DOMAIN = re.compile(r"(?!-)[A-Za-z0-9-]{1,63}(?<!-)(\.(?!-)[A-Za-z0-9-]{1,63}(?<!-))*")


class _Folded(BaseHeader):
    """Names and subjects as one text: Python 3.11 drops the blank between two words that are both encoded."""

    def fold(self, *, policy: Policy) -> str:
        if getattr(policy, "utf8", False) or str(self).isascii():
            return super().fold(policy=policy)
        mailboxes = getattr(self, "addresses", None)
        text = mailboxes[0].display_name if mailboxes else str(self)
        encoded = Header(text, "utf-8", header_name=self.name).encode(linesep="\r\n")
        rest = f"\r\n <{mailboxes[0].addr_spec}>" if mailboxes else ""
        return f"{self.name}: {encoded}{rest}\r\n"


def _policy(base: Any) -> Any:
    registry = HeaderRegistry(base_class=_Folded)
    return base.clone(header_factory=registry)


_ASCII, _UTF8 = _policy(policy.SMTP), _policy(policy.SMTPUTF8)


class Unmailable(ValueError):
    """No mail server could be told to send that."""


class NoSender(ValueError):
    """The sender is none: that is the setting's fault, and of all messages."""


@dataclass(frozen=True)
class Letter:
    """A message and its envelope."""

    sender: str
    recipient: str
    message: EmailMessage
    text: str
    html: str
    needs_utf8: bool

    @property
    def subject(self) -> str:
        return str(self.message["Subject"])

    def as_bytes(self) -> bytes:
        """As it goes over the wire."""
        return self.message.as_bytes(policy=_UTF8 if self.needs_utf8 else _ASCII)


def compose(row: dict[str, Any], now: datetime) -> Letter:
    """The letter for a row of claim_mail_messages. Raises NoSender or Unmailable."""
    (sender_name, sender), recipient = _from(row["sender"]), address(row["recipient"])
    name = shown(row["display_name"])
    texts = _Texts(row["locale"])
    items = merged([item(reminder, row["lead_url"], row["locale"]) for reminder in row["reminders"]])
    told: dict[str, Any] = {
        "name": name,
        "leads": items,
        "due": [each for each in items if each["is_due"]],
        "done": [each for each in items if not each["is_due"]],
        "activity_types": _in_order(row["activity_types"], list(texts.kinds)),
        "zones": sorted({reminder["time_zone"] for reminder in row["reminders"]}),
        "has_activity": any(each["is_due"] and not _is_of_term(each) for each in items),
        "has_term": any(each["is_due"] and (_is_of_term(each) or each["term_until"]) for each in items),
        "locale": row["locale"],
    }
    subject = " ".join(texts.subject(told).split())
    told["subject"] = subject
    text = _environment().get_template("mail.txt.j2").render(told, told=told, t=texts)
    html = _environment().get_template("mail.html.j2").render(told, told=told, t=texts)

    message = EmailMessage(policy=_UTF8)
    message["From"] = _named(sender_name, sender)
    message["To"] = _named(name, recipient)
    message["Subject"] = subject
    message["Date"] = format_datetime(now)
    message["Message-ID"] = row["message_id"]
    # Neither holiday notes nor loops: RFC 3834, and what Exchange understands.
    message["Auto-Submitted"] = "auto-generated"
    message["X-Auto-Response-Suppress"] = "All"
    message.set_content(text, cte="quoted-printable")
    message.add_alternative(html, subtype="html", cte="quoted-printable")
    message["Content-Language"] = row["locale"]
    return Letter(sender, recipient, message, text, html, not (sender + recipient).isascii())


def _in_order(types: list[str], known: list[str]) -> list[str]:
    """Those that the texts name in their order, then the others."""
    return [*(each for each in known if each in types), *(each for each in types if each not in known)]


def address(text: str) -> str:
    """A usable mail address, its domain in ASCII; raises Unmailable."""
    local, at, domain = text.strip().rpartition("@")
    try:
        domain = domain if domain.isascii() else domain.encode("idna").decode("ascii")
    except UnicodeError:
        domain = ""
    is_usable = (
        at and _LOCAL_PART.fullmatch(local) and _DOMAIN.fullmatch(domain) and len(domain) < 254
        and not local.startswith(".") and not local.endswith(".") and ".." not in local
        and printable(local) == local and not _INVISIBLE.search(local)
    )  # fmt: skip
    if not is_usable:
        raise Unmailable(f"this is no mail address: {ascii(text)[:120]}")
    return f"{local}@{domain}"


def _from(text: str) -> tuple[str, str]:
    """Name and address of `Name <address>`, as the setting has it: a comma in the name needs no quotes."""
    name, bracket, rest = text.rpartition("<")
    try:
        return shown(name.strip().strip('"')), address(rest.removesuffix(">") if bracket else text)
    except Unmailable as error:
        raise NoSender(str(error)) from error


def _named(name: str, mail_address: str) -> MailAddress:
    local, _, domain = mail_address.rpartition("@")
    return MailAddress(name, local, domain)


def shown(name: str | None) -> str:
    """A name as a mail shows it."""
    text = " ".join(_INVISIBLE.sub("", printable(name)).split())
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1].rstrip() + "…"


def item(reminder: dict[str, Any], lead_url: str | None, locale: str) -> dict[str, Any]:
    """One reminder, as the templates want it."""
    where = ZoneInfo(reminder["time_zone"])
    expires = _moment(reminder["expires_at"], where)
    last = _moment(reminder["last_qualified_activity_at"], where)
    started = _moment(reminder["protection_started_at"], where)
    return {
        "lead_id": reminder["lead_id"],
        "company": shown(reminder["company_name"]),
        "city": shown(reminder["city"]),
        "is_term": reminder["reminder_type"] == "TERM",
        "is_due": reminder["is_due"],
        "standing": _standing(reminder),
        # The six months end before the ten days would: no activity moves that.
        "ends_with_term": reminder["expires_at"] == reminder["base_expires_at"],
        "day": _day(expires, locale),
        "until": _until(expires, locale),
        "days": reminder["days_remaining"],
        "term_until": "",
        "last_day": _day(last, locale),
        "started_day": _day(started, locale),
        "idle_days": reminder["idle_days"],
        "url": lead_url.replace("{lead_id}", str(reminder["lead_id"])) if lead_url else None,
    }


def merged(items: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """One line a lead: what is due and comes first, with the end of the term if that is announced, too."""
    told: dict[int, dict[str, Any]] = {}
    for each in sorted(items, key=lambda each: not each["is_due"]):
        first = told.setdefault(each["lead_id"], each)
        if each is not first and each["is_due"] and each["is_term"] and not first["ends_with_term"]:
            first["term_until"] = each["until"]
    return list(told.values())


def _is_of_term(told: dict[str, Any]) -> bool:
    return bool(told["is_term"] or told["ends_with_term"])


def _standing(reminder: dict[str, Any]) -> str:
    """Why a reminder that goes out all the same is no longer due."""
    if reminder["is_due"]:
        return "due"
    if reminder["state"] in ("TRANSFERRED", "CONVERTED", "EXPIRED"):
        return str(reminder["state"]).lower()
    return "held" if reminder["is_on_hold"] else "settled"


def _moment(text: str | None, where: ZoneInfo) -> datetime | None:
    return datetime.fromisoformat(text).astimezone(where) if text else None


_MONTHS = (
    "January", "February", "March", "April", "May", "June", "July",
    "August", "September", "October", "November", "December",
)  # fmt: skip


def _day(at: datetime | None, locale: str) -> str:
    if at is None:
        return ""
    return at.strftime("%d.%m.%Y") if locale == "de" else f"{at.day} {_MONTHS[at.month - 1]} {at.year}"


def _until(at: datetime | None, locale: str) -> str:
    if at is None:
        return ""
    time = at.strftime("%H:%M")
    return f"{_day(at, locale)}, {time} Uhr" if locale == "de" else f"{_day(at, locale)}, {time}"


class _Texts:
    """The macros and tables of de.j2 or en.j2, as plain text.

    Called by an HTML template as they are, macros would count as markup, with the names in them; what comes
    from here is escaped where it stands.
    """

    def __init__(self, locale: str) -> None:
        self._module = _environment().get_template(f"{locale}.j2").module

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._module, name)
        return (lambda *given: str(found(*given))) if callable(found) else found


@cache
def _environment() -> Environment:
    return Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=select_autoescape(["html.j2"], [], default_for_string=False),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
