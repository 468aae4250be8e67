"""Dates as people and programs write them: ISO and German, in the business zone unless they say theirs."""

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from jobs.errors import UsageProblem

BUSINESS_ZONE = "Europe/Berlin"

_ISO = re.compile(
    r"\d{4}-\d{2}-\d{2}"
    r"(?:[T ]\d{2}:\d{2}(?::\d{2}(?:\.\d{1,6})?)?\s*(?:Z|[+-]\d{2}(?::?\d{2})?)?)?$"
)
_GERMAN = re.compile(
    r"(?P<day>\d{1,2})\.\s?(?P<month>\d{1,2})\.\s?(?P<year>\d{4})"
    r"(?:,?\s+(?P<hour>\d{1,2}):(?P<minute>\d{2})(?::(?P<second>\d{2}))?(?:\s*Uhr)?)?$"
)


def zone(name: str) -> ZoneInfo:
    """The zone by its IANA name."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        hint = f"Use an IANA name such as {BUSINESS_ZONE}."
        raise UsageProblem(f"unknown time zone: {name}", hint) from None


@dataclass(frozen=True)
class Dates:
    """Moments as people read them: 2026-08-31 14:30, for German readers 31.08.2026 14:30."""

    where: ZoneInfo = field(default_factory=lambda: zone(BUSINESS_ZONE))
    locale: str = "en"

    def moment(self, at: datetime | None) -> str:
        """Date and time; empty for none."""
        time_format = "%d.%m.%Y %H:%M" if self.locale == "de" else "%Y-%m-%d %H:%M"
        return at.astimezone(self.where).strftime(time_format) if at else ""

    def day(self, at: datetime | None) -> str:
        """The date alone; empty for none."""
        return self.moment(at).partition(" ")[0]

    def calendar_day(self, day: date) -> str:
        """A day of the calendar, which has no zone."""
        return day.strftime("%d.%m.%Y" if self.locale == "de" else "%Y-%m-%d")

    def month(self, number: int) -> str:
        """A month in three letters."""
        return _MONTHS[self.locale][number - 1]


_MONTHS = {
    "de": ("Jan", "Feb", "Mär", "Apr", "Mai", "Jun", "Jul", "Aug", "Sep", "Okt", "Nov", "Dez"),
    "en": ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"),
}
LOCALES = tuple(_MONTHS)


def environment_locale() -> str:
    """`de` or `en`, as LEADGUARD_LOCALE, LC_ALL, LC_TIME or LANG says; English if none does."""
    for name in ("LEADGUARD_LOCALE", "LC_ALL", "LC_TIME", "LANG"):
        if value := os.environ.get(name):
            return value[:2] if value[:2] in LOCALES else "en"
    return "en"


def localise(wall_clock: datetime, where: ZoneInfo) -> datetime:
    """The instant of a wall-clock time, resolved as PostgreSQL's AT TIME ZONE does.

    The double hour in autumn means its second pass, the missing hour in spring counts from before
    the change: both are the smaller of the two offsets.
    """
    first, second = (wall_clock.replace(tzinfo=where, fold=fold) for fold in (0, 1))
    return first if (first.utcoffset() or timedelta()) <= (second.utcoffset() or timedelta()) else second


def parse_moment(text: str, where: ZoneInfo, shift_days: int = 0, formats: Sequence[str] = ()) -> datetime:
    """The instant that `text` names, moved by whole calendar days (the wall clock stays).

    `formats` are those of strptime that are tried before ISO and German.
    """
    parsed = _parse(text, formats)
    try:
        wall_clock = parsed.astimezone(where).replace(tzinfo=None) if parsed.tzinfo else parsed
        if parsed.tzinfo and not shift_days:
            return parsed
        return localise(wall_clock + timedelta(days=shift_days), where)
    except OverflowError:
        raise ValueError(f"{text!r} lies outside the calendar") from None


def parse_day(text: str, shift_days: int = 0, formats: Sequence[str] = ()) -> date:
    """The calendar day that `text` names; a time of day is not accepted."""
    parsed = _parse(text, formats)
    if parsed.tzinfo or parsed.time() != time():
        raise ValueError(f"{text!r} is not a plain date")
    try:
        return parsed.date() + timedelta(days=shift_days)
    except OverflowError:
        raise ValueError(f"{text!r} lies outside the calendar") from None


def _parse(text: str, formats: Sequence[str]) -> datetime:
    # Spreadsheets put all kinds of spaces between date and time.
    text = " ".join(text.split())
    for given in formats:
        try:
            return datetime.strptime(text, given)  # noqa: DTZ007  # the caller knows the zone
        except ValueError:
            continue
    try:
        if german := _GERMAN.match(text):
            parts = {name: int(value or 0) for name, value in german.groupdict().items()}
            # Naive on purpose: the caller knows the zone. The groups are named as datetime's arguments.
            return datetime(**parts)  # type: ignore[arg-type]  # noqa: DTZ001
        if _ISO.match(text):
            return datetime.fromisoformat(text.replace(" +", "+").replace(" Z", "Z"))
    except ValueError as error:
        raise ValueError(f"{text!r} is not a date: {error}") from None
    known = ", ".join((*formats, "2026-08-31 14:30", "31.08.2026 14:30"))
    raise ValueError(f"{text!r} is not a date (use {known} or RFC 3339)")
