"""What a picture of a lead's protection shows, read off its explanation: no rule is applied here.

`explain_lead_protection` says of each fact what kind it is, whether it counts, and how the clock stood
from then on. `jobs.timeline_text` draws this in a terminal, `jobs.timeline_svg` as a picture.
"""

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

# What stands to the left and to the right of the first and the last moment, as a share of all.
_MARGIN = 0.02


@dataclass(frozen=True)
class Period:
    """One user's protection; `end` is null while it runs."""

    user: int
    start: datetime
    end: datetime | None = None


@dataclass(frozen=True)
class Span:
    """From a moment to another, with what is to be said of it."""

    start: datetime
    end: datetime
    labels: tuple[str, ...] = ()
    is_open: bool = False


@dataclass(frozen=True)
class Mark:
    """A fact of a moment, and whether it counts."""

    at: datetime
    label: str
    counts: bool


@dataclass(frozen=True)
class Deadline:
    """A moment that matters, by a letter: R reminder, G grace, B base term, X end, C conversion."""

    letter: str
    at: datetime
    label: str


@dataclass
class Timeline:
    """What there is to draw, of `start` to `end`, as of `now`."""

    now: datetime
    start: datetime
    end: datetime
    state: str = ""
    until: datetime | None = None
    periods: list[Period] = field(default_factory=list)
    holds: list[Span] = field(default_factory=list)
    graces: list[Span] = field(default_factory=list)
    activities: list[Mark] = field(default_factory=list)
    reminders: list[Mark] = field(default_factory=list)
    extensions: list[Mark] = field(default_factory=list)
    deadlines: list[Deadline] = field(default_factory=list)

    def share(self, at: datetime) -> float:
        """Where a moment lies between start (0) and end (1)."""
        return min(1.0, max(0.0, (at - self.start) / (self.end - self.start)))

    def months(self, where: ZoneInfo) -> list[datetime]:
        """The first moments of the months inside, in local time."""
        first = self.start.astimezone(where)
        year, month = first.year, first.month
        found: list[datetime] = []
        while True:
            month += 1
            if month > 12:
                year, month = year + 1, 1
            at = datetime(year, month, 1, tzinfo=where)
            if at >= self.end:
                return found
            found.append(at)


def timeline(explained: dict[str, Any]) -> Timeline | None:
    """The timeline of what `jobs.explain.explain` returned; none for a lead not yet registered."""
    answer, steps = explained["protection"], explained["steps"]
    if answer is None:
        return None
    now = steps[-1]["at"]
    state, until = answer["state"], answer["protection_expires_at"]
    found = Timeline(now=now, start=now, end=now, state=state, until=until)
    for step in steps:
        _add(found, step)
    _add_spans(found, steps, answer)
    found.deadlines = _deadlines(answer, found.periods)
    moments = [
        now,
        *(period.start for period in found.periods),
        *(span.end for span in (*found.holds, *found.graces)),
        *(mark.at for mark in (*found.activities, *found.reminders, *found.extensions)),
        *(deadline.at for deadline in found.deadlines),
    ]
    margin = max((max(moments) - min(moments)) * _MARGIN, timedelta(hours=12))
    found.start, found.end = min(moments) - margin, max(moments) + margin
    return found


def _add(found: Timeline, step: dict[str, Any]) -> None:
    mark = Mark(step["at"], step["fact"], bool(step["counts"]))
    match step["kind"]:
        case "START":
            found.periods.append(Period(step["user_id"], step["at"]))
        case "END":
            # The last that began before: ends stand before starts of the same moment.
            found.periods[-1] = replace(found.periods[-1], end=step["at"])
        case "ACTIVITY" | "OTHER_ACTIVITY":
            found.activities.append(mark)
        case "REMINDER_INACTIVITY" | "REMINDER_TERM":
            found.reminders.append(mark)
        case "EXTENSION":
            found.extensions.append(mark)


def _add_spans(found: Timeline, steps: list[dict[str, Any]], answer: dict[str, Any]) -> None:
    held: datetime | None = None
    reasons: list[str] = []
    grace: datetime | None = None
    for step in steps:
        if step["kind"] == "HOLD" and step["counts"]:
            reasons.append(step["fact"].removeprefix("hold: "))
        if step["clock"] == "STOPPED" and held is None:
            held = step["at"]
        elif step["clock"] != "STOPPED" and held is not None:
            if step["at"] > held:
                found.holds.append(Span(held, step["at"], tuple(reasons)))
            held, reasons = None, []
        ends_grace = step["kind"] in ("ACTIVITY", "END", "START") and step["counts"]
        if grace is not None and ends_grace:
            found.graces.append(Span(grace, step["at"]))
            grace = None
        if step["kind"] == "REMINDER_INACTIVITY" and step["counts"]:
            grace = step["at"]
    now = steps[-1]["at"]
    if held is not None:
        until = answer["hold_until"]
        found.holds.append(Span(held, until or now, tuple(reasons), is_open=until is None))
    if grace is not None and answer["state"] == "GRACE":
        found.graces.append(Span(grace, answer["protection_expires_at"]))


def _deadlines(answer: dict[str, Any], periods: list[Period]) -> list[Deadline]:
    reminder, grace = answer["reminder_due_at"], answer["grace_ends_at"]
    base = Deadline("B", answer["base_expires_at"], "the base term ends")
    match answer["state"]:
        case "PROTECTED":
            return [
                Deadline("R", reminder, "a reminder falls due"),
                Deadline("G", grace, "the grace after it would end"),
                base,
            ]
        case "REMINDER_DUE":
            return [
                Deadline("R", reminder, "the reminder has been due since"),
                Deadline("G", grace, "the grace would end if sent now"),
                base,
            ]
        case "GRACE":
            return [Deadline("G", grace, "the grace ends"), base]
        case "CONVERTED":
            return [Deadline("C", period.end, "converted") for period in periods[-1:] if period.end]
        case _:
            return [Deadline("X", answer["protection_expires_at"], "protection ended")]
