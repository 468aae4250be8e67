"""The rules of lead protection once more, in plain Python and without a database.

Written from the rules page alone, so that an error in the SQL and an error here are unlikely to be the
same one. Slow and simple on purpose: every answer is recomputed from the facts. The differential test
compares the database with it; `test_model.py` pins it to the examples of the rules page.

Where the rules are silent, this model decides:

- once protection is over, nothing of a running clock is shown (grace, hold, reminder of the grace);
- an expired row shows the base term and the reminder date as of the moment of expiry, a converted one as
  of the conversion;
- a conversion dated outside a running period ends nothing;
- an extension belongs to the period in which it was granted;
- touching holds (one ends where the next begins) are one hold.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from functools import cache, lru_cache
from typing import NamedTuple
from zoneinfo import ZoneInfo

QUALIFIED = frozenset(
    {"QUALIFIED_CALL", "CUSTOMER_REACTION", "SCHEDULED_FOLLOWUP", "SAMPLE_FEEDBACK", "ROI_PRESENTATION"}
)
UNQUALIFIED = frozenset({"EMAIL_SENT", "MARKETING_TOUCH", "SYSTEM_NOTE"})
OVER = frozenset({"EXPIRED", "CONVERTED"})
FOREVER = datetime.max.replace(tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Interval:
    """A PostgreSQL interval: three fields that are never converted into each other."""

    months: int = 0
    days: int = 0
    microseconds: int = 0

    def __add__(self, other: Interval) -> Interval:
        return Interval(
            self.months + other.months, self.days + other.days, self.microseconds + other.microseconds
        )

    def __neg__(self) -> Interval:
        return Interval(-self.months, -self.days, -self.microseconds)

    def __str__(self) -> str:
        return f"{self.months} months {self.days} days {self.microseconds} microseconds"


@dataclass(frozen=True, slots=True)
class Policy:
    """One version of a contract."""

    name: str = "standard"
    base_term: Interval = Interval(months=6)
    activity_interval: Interval = Interval(days=60)
    grace_period: Interval = Interval(days=10)
    time_zone: str = "Europe/Berlin"


@dataclass(frozen=True, slots=True)
class Activity:
    key: int
    user_id: int
    activity_type: str
    occurred_at: datetime


@dataclass(frozen=True, slots=True)
class Hold:
    key: int
    user_id: int
    start_at: datetime
    end_at: datetime | None


@dataclass(frozen=True, slots=True)
class Reminder:
    user_id: int
    reminder_type: str
    window_start: date
    sent_at: datetime | None

    @property
    def key(self) -> tuple[int, str, date]:
        return (self.user_id, self.reminder_type, self.window_start)


@dataclass(frozen=True, slots=True)
class Extension:
    user_id: int
    extension: Interval
    granted_at: datetime


@dataclass(slots=True)
class Facts:
    """What is known about one lead."""

    activities: list[Activity] = field(default_factory=list)
    holds: list[Hold] = field(default_factory=list)
    reminders: list[Reminder] = field(default_factory=list)
    extensions: list[Extension] = field(default_factory=list)

    def copy(self) -> Facts:
        return Facts(list(self.activities), list(self.holds), list(self.reminders), list(self.extensions))


@dataclass(slots=True)
class Period:
    """One user's protection; `known` holds the facts that a recorded expiry froze."""

    user_id: int
    policy: Policy
    started_at: datetime
    ended_at: datetime | None = None
    end_reason: str | None = None
    known: Facts | None = None

    @property
    def is_recorded(self) -> bool:
        return self.known is not None


class Row(NamedTuple):
    """A row of v_user_lead_protection."""

    id: int
    lead_id: int
    user_id: int
    state: str
    protection_expires_at: datetime | None
    days_remaining: Decimal | None
    protection_started_at: datetime
    last_qualified_activity_at: datetime | None
    base_expires_at: datetime
    reminder_due_at: datetime
    reminder_sent_at: datetime | None
    grace_ends_at: datetime | None
    clock_stopped_since: datetime | None
    hold_until: datetime | None
    end_reason: str | None
    policy: str


@cache
def zone(name: str) -> ZoneInfo:
    return ZoneInfo(name)


def local_date(moment: datetime, time_zone: str) -> date:
    return moment.astimezone(zone(time_zone)).date()


def add_months(local: datetime, months: int) -> datetime:
    """Add months to a wall-clock time; a day that the month does not have becomes its last one."""
    year, month = divmod(local.year * 12 + local.month - 1 + months, 12)
    for day in range(local.day, 0, -1):
        try:
            return local.replace(year=year, month=month + 1, day=day)
        except ValueError:
            continue
    raise AssertionError("every month has a first day")


@lru_cache(maxsize=4096)  # a history asks for the same deadlines again and again; its moments are in UTC
def add_local(moment: datetime, interval: Interval, time_zone: str) -> datetime:
    """`((t AT TIME ZONE tz) + i) AT TIME ZONE tz`.

    PostgreSQL reads a time that the clocks skipped with the offset before the change, and one they showed
    twice with the offset after it: each time the later of the two instants that `fold` offers.
    """
    tz = zone(time_zone)
    local = moment.astimezone(tz).replace(tzinfo=None, fold=0)
    local = add_months(local, interval.months) + timedelta(
        days=interval.days, microseconds=interval.microseconds
    )
    return max(local.replace(tzinfo=tz, fold=fold).astimezone(UTC) for fold in (0, 1))


def merged(holds: Iterable[Hold], open_end: datetime) -> list[tuple[datetime, datetime]]:
    """The union of the holds as intervals in order, an open hold ending at `open_end`."""
    union: list[tuple[datetime, datetime]] = []
    for start, end in sorted((h.start_at, h.end_at or open_end) for h in holds):
        if end <= start:
            continue
        if union and start <= union[-1][1]:
            union[-1] = (union[-1][0], max(end, union[-1][1]))
        else:
            union.append((start, end))
    return union


def deadline(
    moment: datetime, length: Interval, time_zone: str, stops: Sequence[tuple[datetime, datetime]]
) -> datetime:
    """When a clock started at `moment` runs out, given the merged holds."""
    result = add_local(moment, length, time_zone)
    for start, end in stops:
        if end <= moment:
            continue
        stopped = max(start, moment)
        if stopped >= result:
            break
        result += end - stopped
    return result


@dataclass(frozen=True, slots=True)
class Reading:
    """The outcome of the walk for one period at one moment."""

    last_activity: datetime | None
    base: datetime
    due: datetime
    grace: datetime | None
    sent: datetime | None
    over: datetime | None
    reason: str | None
    stops: list[tuple[datetime, datetime]]


def granted(period: Period, facts: Facts, at: datetime) -> list[Extension]:
    return [
        e for e in facts.extensions if e.user_id == period.user_id and period.started_at <= e.granted_at <= at
    ]


def read_clocks(period: Period, facts: Facts, at: datetime) -> Reading:
    """Walk the facts of a period up to `at`, ignoring how the period was ended."""
    policy, start = period.policy, period.started_at
    tz = policy.time_zone
    holds = [h for h in facts.holds if h.user_id == period.user_id and h.start_at <= at]
    stops = merged(holds, at)
    term = policy.base_term
    for extension in granted(period, facts, at):
        term = term + extension.extension
    base = deadline(start, term, tz, stops)

    # At equal times the activity comes first: 0 sorts before 1.
    events: list[tuple[datetime, int, date]] = [
        (a.occurred_at, 0, date.min)
        for a in facts.activities
        if a.user_id == period.user_id and a.activity_type in QUALIFIED and start <= a.occurred_at <= at
    ]
    events += [
        (r.sent_at, 1, r.window_start)
        for r in facts.reminders
        if r.user_id == period.user_id
        and r.reminder_type == "INACTIVITY"
        and r.sent_at is not None
        and start <= r.sent_at <= at
    ]
    anchor, last_activity = start, None
    grace: datetime | None = None
    sent: datetime | None = None
    for moment, kind, window in sorted(events):
        if moment >= min(base, grace or FOREVER):
            break
        if kind == 0:
            anchor = last_activity = moment
            grace = sent = None
        elif grace is None:
            due = deadline(anchor, policy.activity_interval, tz, stops)
            if window >= local_date(due, tz):
                grace, sent = deadline(moment, policy.grace_period, tz, stops), moment

    over, reason = None, None
    first = min(base, grace or FOREVER)
    if at >= first:
        over, reason = first, "BASE_TERM" if first == base else "INACTIVITY"
        # As of the moment of expiry: what began then or later is no part of these values.
        stops = merged([h for h in holds if h.start_at < first], first)
        term = policy.base_term
        for extension in granted(period, facts, first):
            term = term + extension.extension
        base = deadline(start, term, tz, stops)
    return Reading(
        last_activity=last_activity,
        base=base,
        due=deadline(anchor, policy.activity_interval, tz, stops),
        grace=grace,
        sent=sent,
        over=over,
        reason=reason,
        stops=stops,
    )


def active_hold(period: Period, facts: Facts, at: datetime) -> tuple[datetime | None, datetime | None]:
    """Start and planned end of the merged hold that stops the period's clocks at `at`."""
    known = [h for h in facts.holds if h.user_id == period.user_id and h.start_at <= at]
    for start, end in merged(known, FOREVER):
        if start <= at < end:
            return max(start, period.started_at), None if end == FOREVER else end
    return None, None


@dataclass(slots=True)
class Lead:
    """A lead, its facts and its periods, and what the operations do to them."""

    id: int
    user_id: int
    facts: Facts = field(default_factory=Facts)
    periods: list[Period] = field(default_factory=list)
    converted_at: datetime | None = None

    # -- asking -----------------------------------------------------------------------------------

    @property
    def current(self) -> Period:
        return self.periods[-1]

    def period_at(self, at: datetime) -> Period | None:
        """The period running at a moment, else the last one ended before it."""
        found = None
        for period in self.periods:
            if period.started_at <= at:
                found = period
        return found

    def row_at(self, at: datetime) -> Row | None:
        """The row of the view as of `at`."""
        period = self.period_at(at)
        return None if period is None else self.row_of(period, at)

    def facts_of(self, period: Period) -> Facts:
        return self.facts if period.known is None else period.known

    def row_of(self, period: Period, at: datetime) -> Row:
        facts = self.facts_of(period)
        ended = period.ended_at is not None and period.ended_at <= at
        reading = read_clocks(period, facts, period.ended_at if ended and period.ended_at else at)
        blank = Row(
            id=self.id,
            lead_id=self.id,
            user_id=period.user_id,
            state="EXPIRED",
            protection_expires_at=reading.over,
            days_remaining=None,
            protection_started_at=period.started_at,
            last_qualified_activity_at=reading.last_activity,
            base_expires_at=reading.base,
            reminder_due_at=reading.due,
            reminder_sent_at=None,
            grace_ends_at=None,
            clock_stopped_since=None,
            hold_until=None,
            end_reason=reading.reason,
            policy=period.policy.name,
        )
        if reading.over is not None:
            return blank
        if ended:
            assert not period.is_recorded, "a recorded expiry must follow from the facts it froze"
            converted = period.end_reason == "CONVERTED"
            return blank._replace(
                state="CONVERTED" if converted else "EXPIRED",
                protection_expires_at=None if converted else period.ended_at,
                end_reason=period.end_reason,
            )
        policy = period.policy
        if reading.grace is not None:
            state, grace = "GRACE", reading.grace
        elif at >= reading.due:
            state, grace = "REMINDER_DUE", deadline(at, policy.grace_period, policy.time_zone, reading.stops)
        else:
            state = "PROTECTED"
            grace = deadline(reading.due, policy.grace_period, policy.time_zone, reading.stops)
        expires = min(reading.base, grace)
        since, until = active_hold(period, facts, at)
        return blank._replace(
            state=state,
            protection_expires_at=expires,
            days_remaining=days_between(at, expires),
            reminder_sent_at=reading.sent,
            grace_ends_at=grace,
            clock_stopped_since=since,
            hold_until=until,
        )

    def due_reminders(self, at: datetime) -> dict[str, tuple[datetime, date]]:
        """Reminder type -> (due_at, window_start) of what the dispatcher should find due at `at`."""
        row, period = self.row_at(at), self.period_at(at)
        if row is None or period is None or row.state in OVER or row.clock_stopped_since is not None:
            return {}
        if self.converted_at is not None:  # before the start of a period that runs on
            return {}
        policy = period.policy
        found = {}
        if row.state == "REMINDER_DUE":
            found["INACTIVITY"] = row.reminder_due_at
        term_due = add_local(row.base_expires_at, -policy.grace_period, policy.time_zone)
        if at >= term_due:
            found["TERM"] = term_due
        return {kind: (due, local_date(due, policy.time_zone)) for kind, due in found.items()}

    # -- changing ---------------------------------------------------------------------------------

    def start_period(self, user_id: int, policy: Policy, at: datetime) -> None:
        self.user_id = user_id
        self.periods.append(Period(user_id, policy, at))

    def record_expiry(self, at: datetime) -> bool:
        """Record an expiry that was due at `at`; from then on the facts of the period are frozen."""
        period = self.current
        if period.started_at > at or period.end_reason not in (None, "CONVERTED"):
            return False
        # Facts entered after a conversion may show that the lead had expired before it.
        reading = read_clocks(period, self.facts, min(at, period.ended_at or at))
        if reading.over is None:
            return False
        period.ended_at, period.end_reason, period.known = reading.over, reading.reason, self.facts.copy()
        return True

    def transfer(self, user_id: int, policy: Policy, at: datetime) -> None:
        if not self.record_expiry(at) and self.current.ended_at is None:
            self.current.ended_at, self.current.end_reason = at, "TRANSFERRED"
        self.facts.holds = [
            replace(h, end_at=at) if h.end_at is None or h.end_at > at else h for h in self.facts.holds
        ]
        self.start_period(user_id, policy, at)

    def convert(self, at: datetime | None) -> None:
        """Set or clear `converted_at`."""
        if self.current.end_reason == "CONVERTED":
            self.current.ended_at = self.current.end_reason = None
        self.converted_at = at
        period = self.current
        if at is None or period.ended_at is not None or period.started_at > at:
            return
        if not self.record_expiry(at):
            period.ended_at, period.end_reason = at, "CONVERTED"

    def move_start(self, at: datetime, policy: Policy) -> None:
        """Correct `created_at`: it moves the start of a running first period."""
        if len(self.periods) == 1 and self.current.ended_at is None:
            self.current.started_at, self.current.policy = at, policy


def days_between(at: datetime, end: datetime) -> Decimal:
    microseconds = (end - at) // MICROSECOND
    return (Decimal(microseconds) / 86_400_000_000).quantize(Decimal("0.01"), ROUND_HALF_UP)
