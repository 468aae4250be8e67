"""Random histories of leads, biased to the moments at which a rule can go wrong.

A history is drawn as small tuples of numbers and only then turned into operations, each in the light of
what the model says of the leads so far: "a microsecond before the grace ends" is meant relative to the
facts before it. That keeps histories sensible, and lets hypothesis shrink a failing one by dropping parts.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from hypothesis import strategies as st

from tests.model import MICROSECOND, Extension, Interval, Lead, Period, Reminder, local_date, zone
from tests.operations import (
    LEADS,
    SKEW,
    USERS,
    Convert,
    CorrectActivity,
    CorrectCreation,
    CorrectHold,
    CorrectReminder,
    CreateHold,
    DeleteActivity,
    DeleteHold,
    DeleteReminder,
    Dispatch,
    Extend,
    InsertActivity,
    InsertExtension,
    InsertHold,
    InsertLead,
    InsertReminder,
    Operation,
    Reinstate,
    ReleaseHold,
    Sweep,
    Transfer,
    Verdict,
    World,
    can_age,
)

DAY = timedelta(days=1)


def berlin(text: str, fold: int = 0) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=zone("Europe/Berlin"), fold=fold).astimezone(UTC)


# Month ends, leap days, the nights in which the clocks change, and moments from which the terms of the
# standard contract (6 months, 60 days, 10 days) lead to them.
SPECIAL = (
    berlin("2023-08-31 09:00"),
    berlin("2024-02-28 23:30"),
    berlin("2024-02-29 09:00"),
    berlin("2024-08-29 12:00"),
    berlin("2024-08-31 23:59:59.999999"),
    berlin("2025-03-30 03:00"),
    berlin("2025-04-26 02:30"),
    berlin("2025-08-27 02:30"),
    berlin("2025-08-31 09:00"),
    berlin("2025-09-29 02:30"),
    berlin("2025-10-16 02:30"),
    berlin("2025-10-26 01:59:59.999999"),
    berlin("2025-10-26 02:30"),
    berlin("2025-10-26 02:30", fold=1),
    berlin("2025-10-26 03:00"),
    berlin("2025-12-31 23:59:59"),
    berlin("2026-01-28 02:30"),
    berlin("2026-01-31 10:00"),
    berlin("2026-02-28 00:00"),
    berlin("2026-03-19 02:30"),
    berlin("2026-03-28 02:30"),
    berlin("2026-03-29 01:59:59.999999"),
    berlin("2026-03-29 03:30"),
    berlin("2026-04-25 02:30"),
    berlin("2026-08-26 02:30"),
    berlin("2026-08-31 00:00"),
    berlin("2026-10-15 02:30"),
    berlin("2026-10-25 02:30"),
    berlin("2026-10-25 02:30", fold=1),
    berlin("2026-10-25 03:00"),
)
NUDGES = (
    timedelta(),
    timedelta(),
    -MICROSECOND,
    MICROSECOND,
    timedelta(minutes=4),
    -timedelta(hours=1),
    timedelta(hours=5),
    -DAY,
    DAY,
    -3 * DAY,
    4 * DAY,
    -10 * DAY,
    20 * DAY,
)
LENGTHS = (
    timedelta(),
    MICROSECOND,
    timedelta(hours=1),
    DAY,
    3 * DAY,
    14 * DAY,
    45 * DAY,
    200 * DAY,
)
EXTENSIONS = (
    Interval(days=10),
    Interval(months=1),
    Interval(months=1, days=1, microseconds=3_600_000_000),
    Interval(microseconds=1),
    Interval(months=6),
)
TYPES = ("QUALIFIED_CALL", "CUSTOMER_REACTION", "SAMPLE_FEEDBACK", "EMAIL_SENT", "SYSTEM_NOTE")


@dataclass(frozen=True)
class When:
    """A moment, relative to what is known of a lead when it is needed."""

    kind: str  # near (a moment that matters), part (of the time since the start), special
    index: int
    nudge: timedelta

    def of(self, lead: Lead | None, now: datetime) -> datetime:
        if self.kind == "part" and lead is not None:
            start = lead.periods[-1].started_at
            moment = start + (now - start) * self.index / 64
        elif self.kind == "near" and lead is not None:
            moments = [m for m in moments_that_matter(lead, now) if m <= now]
            moment = moments[self.index % len(moments)] if moments else now
        else:
            past = [m for m in SPECIAL if m <= now]
            moment = past[-1 - self.index % len(past)]
        return min(moment + self.nudge, now)


WHEN_KINDS = ("near", "part", "near", "near", "special")


def moments_that_matter(lead: Lead, now: datetime) -> list[datetime]:
    """Deadlines and facts of a lead, the deadlines of its last period first."""
    moments: list[datetime | None] = []
    for period in reversed(lead.periods):
        row = lead.row_of(period, min(now, period.ended_at or now))
        moments += [
            row.reminder_due_at,
            row.protection_expires_at,
            row.base_expires_at,
            row.grace_ends_at,
            period.started_at,
            period.ended_at,
        ]
        midnight = datetime.combine(
            local_date(row.reminder_due_at, period.policy.time_zone),
            datetime.min.time(),
            zone(period.policy.time_zone),
        )
        moments.append(midnight.astimezone(UTC))
    moments += [now, lead.converted_at]
    moments += [a.occurred_at for a in lead.facts.activities[-6:]]
    moments += [r.sent_at for r in lead.facts.reminders[-6:]]
    moments += [h.start_at for h in lead.facts.holds[-6:]] + [h.end_at for h in lead.facts.holds[-6:]]
    moments += [e.granted_at for e in lead.facts.extensions[-4:]]
    return list(dict.fromkeys(m for m in moments if m is not None))


@dataclass(frozen=True)
class Draft:
    """An operation before it is known what it means: numbers that `plan` reads as it needs."""

    kind: str
    other_lead: bool
    pick: int
    choice: int
    length: int
    when: When


# What a failing history does not need shrinks to the first kind, which does nothing.
KINDS = (
    ["nothing"]
    + ["activity"] * 7
    + ["hold"] * 5
    + ["reminder"] * 7
    + ["extension"] * 2
    + ["correct activity", "correct hold", "correct reminder"] * 3
    + ["delete activity", "delete hold", "delete reminder"] * 2
    + ["creation", "transfer", "transfer", "convert", "convert", "reopen", "sweep", "sweep", "reinstate"]
    + ["create hold", "release hold", "extend", "dispatch", "ahead"]
)


def draft(drawn: bytes) -> Draft:
    """A byte for each number: hypothesis takes as long to draw eight of them as one integer."""
    sizes = (len(KINDS), 5, 16, 16, len(LENGTHS), len(WHEN_KINDS), 64, len(NUDGES))
    kind, lead, pick, choice, length, when, index, nudge = (
        byte * size // 256 for byte, size in zip(drawn, sizes, strict=True)
    )
    return Draft(KINDS[kind], lead == 4, pick, choice, length, When(WHEN_KINDS[when], index, NUDGES[nudge]))


DRAFTS = st.lists(st.binary(min_size=8, max_size=8).map(draft), min_size=8, max_size=20)
AGES = st.builds(
    lambda days, micros: timedelta(days=days, microseconds=micros),
    st.integers(0, 210),
    st.integers(0, 86_400_000_000 - 1),
)
STARTS = st.lists(
    st.tuples(
        st.sampled_from([USERS[0], USERS[0], USERS[0], *USERS]),
        st.one_of(
            AGES,
            st.builds(When, st.just("special"), st.integers(0, 11), st.sampled_from(NUDGES)),
            st.builds(When, st.just("special"), st.integers(0, 63), st.sampled_from(NUDGES)),
        ),
    ),
    min_size=len(LEADS),
    max_size=len(LEADS),
)


@dataclass(frozen=True)
class History:
    starts: list[tuple[int, timedelta | When]]
    drafts: list[Draft]
    time_zone: int
    seed: int


HISTORIES = st.builds(History, STARTS, DRAFTS, st.integers(0, 39), st.integers(0, 2**32 - 1))


def plan_history(history: History, now: datetime) -> tuple[World, list[Operation]]:
    """The operations of a history, and the world as it is if all that may be accepted is."""
    world = World(now)
    operations: list[Operation] = []

    def add(operation: Operation | None) -> None:
        if operation is None:
            return
        operations.append(operation)
        if operation.verdict(world) is not Verdict.REFUSE:
            operation.apply(world)

    for lead_id, (user, start) in zip(LEADS, history.starts, strict=True):
        created_at = start.of(None, now) if isinstance(start, When) else now - start
        add(InsertLead(lead_id, user, created_at))
    for number, draft in enumerate(history.drafts, start=1):
        add(PLANS[draft.kind](world, world.leads[LEADS[draft.other_lead]], draft, LEADS[0] + number))
    return world, operations


def some_user(lead: Lead, draft: Draft) -> int:
    """Mostly the owner; sometimes a former or a foreign user."""
    return USERS[draft.choice % len(USERS)] if draft.pick % 8 == 7 else lead.user_id


def another_user(lead: Lead, draft: Draft) -> int:
    users = [u for u in USERS if u != lead.user_id]
    return users[draft.choice % len(users)]


def one_with(world: World, lead: Lead, facts: Callable[[Lead], Sequence[object]]) -> Lead:
    """The lead if it has such facts, else another that has."""
    return next((other for other in (lead, *world.leads.values()) if facts(other)), lead)


def plan_nothing(_world: World, _lead: Lead, _draft: Draft, _key: int) -> None:
    return None


def plan_activity(world: World, lead: Lead, draft: Draft, key: int) -> Operation:
    kind = TYPES[draft.choice % len(TYPES)] if draft.pick % 3 == 0 else "QUALIFIED_CALL"
    return InsertActivity(key, lead.id, some_user(lead, draft), kind, draft.when.of(lead, world.now))


def plan_ahead(world: World, lead: Lead, draft: Draft, key: int) -> Operation:
    """A clock that runs ahead: a little is forgiven, more is not."""
    ahead = (SKEW, SKEW + MICROSECOND, MICROSECOND, timedelta(days=400))[draft.choice % 4]
    at = world.now + ahead
    plans: tuple[Callable[[], Operation], ...] = (
        lambda: InsertActivity(key, lead.id, lead.user_id, "QUALIFIED_CALL", at),
        lambda: InsertHold(key, lead.id, lead.user_id, at, None),
        lambda: Sweep(at),
        lambda: CorrectCreation(lead.id, at) if lead.converted_at is None else Dispatch(),
    )
    return plans[draft.pick % 4]()


def plan_hold(world: World, lead: Lead, draft: Draft, key: int) -> Operation:
    start = draft.when.of(lead, world.now)
    end = None if draft.choice % 4 == 0 else start + LENGTHS[draft.length]
    if draft.choice == 15:
        end = start - MICROSECOND
    return InsertHold(key, lead.id, some_user(lead, draft), start, end)


def plan_reminder(world: World, lead: Lead, draft: Draft, _key: int) -> Operation:
    """Near the reminder date of the current period, mostly as a dispatcher and a sink would have it."""
    row = lead.row_of(lead.current, world.now)
    due = row.reminder_due_at
    window = local_date(due, lead.current.policy.time_zone)
    window += timedelta(days=(0, 0, 0, 0, 0, 0, -1, 1)[draft.choice % 8])
    sent: datetime | None = (
        due + (timedelta(minutes=4), timedelta(), timedelta(hours=9), 2 * DAY)[draft.length % 4]
    )
    if draft.pick % 4 == 3:
        sent = draft.when.of(lead, world.now)
    if draft.choice == 8 or (sent is not None and sent > world.now):
        sent = None if draft.choice % 2 == 0 else world.now
    kind = "TERM" if draft.choice == 9 else "INACTIVITY"
    reminder = Reminder(some_user(lead, draft), kind, window, sent)
    taken = {r.key for r in lead.facts.reminders if r.sent_at is not None}
    while reminder.key in taken:
        reminder = Reminder(reminder.user_id, kind, reminder.window_start + DAY, sent)
    return InsertReminder(lead.id, reminder)


def plan_extension(world: World, lead: Lead, draft: Draft, _key: int) -> Operation | None:
    extension = Extension(
        lead.user_id, EXTENSIONS[draft.choice % len(EXTENSIONS)], draft.when.of(lead, world.now)
    )
    operation = InsertExtension(lead.id, extension)
    return operation if operation.is_usable(world) else None


def plan_extend(world: World, lead: Lead, draft: Draft, _key: int) -> Operation:
    return Extend(lead.id, some_user(lead, draft), EXTENSIONS[draft.choice % len(EXTENSIONS)])


def plan_correct_activity(world: World, lead: Lead, draft: Draft, _key: int) -> Operation | None:
    lead = one_with(world, lead, lambda le: le.facts.activities)
    if not lead.facts.activities:
        return None
    old = lead.facts.activities[draft.pick % len(lead.facts.activities)]
    target, kind, at = lead.id, old.activity_type, old.occurred_at
    if draft.choice % 4 == 0:
        kind = TYPES[draft.length % len(TYPES)]
    elif draft.choice % 4 == 1:
        target = LEADS[0] if lead.id == LEADS[1] else LEADS[1]
    if draft.choice % 4 != 0:
        at = draft.when.of(lead, world.now)
    return CorrectActivity(old.key, target, kind, at)


def plan_delete_activity(world: World, lead: Lead, draft: Draft, _key: int) -> Operation | None:
    lead = one_with(world, lead, lambda le: le.facts.activities)
    if not lead.facts.activities:
        return None
    return DeleteActivity(lead.facts.activities[draft.pick % len(lead.facts.activities)].key)


def plan_correct_hold(world: World, lead: Lead, draft: Draft, _key: int) -> Operation | None:
    lead = one_with(world, lead, lambda le: [h for h in le.facts.holds if h.key])
    holds = [h for h in lead.facts.holds if h.key]
    if not holds:
        return None
    old = holds[draft.pick % len(holds)]
    moment = draft.when.of(lead, world.now)
    if draft.choice % 3 == 0:
        return CorrectHold(old.key, old.start_at, max(moment, old.start_at))
    if draft.choice % 3 == 1:
        end = old.end_at if old.end_at is None else max(moment, old.end_at)
        return CorrectHold(old.key, moment, end)
    return CorrectHold(old.key, moment, None if draft.choice % 2 else moment + LENGTHS[draft.length])


def plan_delete_hold(world: World, lead: Lead, draft: Draft, _key: int) -> Operation | None:
    lead = one_with(world, lead, lambda le: [h for h in le.facts.holds if h.key])
    holds = [h for h in lead.facts.holds if h.key]
    return DeleteHold(holds[draft.pick % len(holds)].key) if holds else None


def plan_correct_reminder(world: World, lead: Lead, draft: Draft, _key: int) -> Operation | None:
    lead = one_with(world, lead, lambda le: [r for r in le.facts.reminders if r.sent_at])
    sent = [r for r in lead.facts.reminders if r.sent_at is not None]
    if not sent:
        return None
    return CorrectReminder(lead.id, sent[draft.pick % len(sent)], draft.when.of(lead, world.now))


def plan_delete_reminder(world: World, lead: Lead, draft: Draft, _key: int) -> Operation | None:
    lead = one_with(world, lead, lambda le: le.facts.reminders)
    if not lead.facts.reminders:
        return None
    return DeleteReminder(lead.id, lead.facts.reminders[draft.pick % len(lead.facts.reminders)])


def plan_creation(world: World, lead: Lead, draft: Draft, _key: int) -> Operation | None:
    if lead.converted_at is not None:
        return None
    return CorrectCreation(lead.id, draft.when.of(lead, world.now))


def aged(world: World, lead: Lead, draft: Draft) -> datetime | None:
    moment = draft.when.of(lead, world.now)
    return moment if moment < world.now and can_age(lead, moment, world.now) else None


def plan_transfer(world: World, lead: Lead, draft: Draft, _key: int) -> Operation | None:
    if lead.converted_at is not None:
        return None
    return Transfer(lead.id, another_user(lead, draft), aged(world, lead, draft))


def plan_reinstate(world: World, lead: Lead, draft: Draft, _key: int) -> Operation:
    operation = Reinstate(lead.id, some_user(lead, draft), None)
    if operation.verdict(world) is Verdict.ACCEPT:
        return Reinstate(lead.id, lead.user_id, aged(world, lead, draft))
    return operation


def plan_convert(world: World, lead: Lead, draft: Draft, _key: int) -> Operation:
    moment = draft.when.of(lead, world.now)
    if draft.choice % 8 == 7:  # one from before the period, which runs on
        return Convert(lead.id, min(moment, lead.current.started_at - LENGTHS[draft.length]))
    return Convert(lead.id, max(moment, lead.current.started_at))


def plan_reopen(_world: World, lead: Lead, _draft: Draft, _key: int) -> Operation | None:
    return Convert(lead.id, None) if lead.converted_at is not None else None


def plan_sweep(world: World, lead: Lead, draft: Draft, _key: int) -> Operation:
    return Sweep(world.now if draft.pick % 2 else draft.when.of(lead, world.now))


def plan_create_hold(world: World, lead: Lead, draft: Draft, _key: int) -> Operation:
    end = None if draft.choice % 2 else world.now + LENGTHS[draft.length]
    return CreateHold(lead.id, some_user(lead, draft), end)


def plan_release_hold(_world: World, lead: Lead, draft: Draft, _key: int) -> Operation:
    return ReleaseHold(lead.id, some_user(lead, draft))


def plan_dispatch(_world: World, _lead: Lead, _draft: Draft, _key: int) -> Operation:
    return Dispatch()


PLANS: dict[str, Callable[[World, Lead, Draft, int], Operation | None]] = {
    "nothing": plan_nothing,
    "activity": plan_activity,
    "ahead": plan_ahead,
    "hold": plan_hold,
    "reminder": plan_reminder,
    "extension": plan_extension,
    "extend": plan_extend,
    "correct activity": plan_correct_activity,
    "correct hold": plan_correct_hold,
    "correct reminder": plan_correct_reminder,
    "delete activity": plan_delete_activity,
    "delete hold": plan_delete_hold,
    "delete reminder": plan_delete_reminder,
    "creation": plan_creation,
    "transfer": plan_transfer,
    "reinstate": plan_reinstate,
    "convert": plan_convert,
    "reopen": plan_reopen,
    "sweep": plan_sweep,
    "create hold": plan_create_hold,
    "release hold": plan_release_hold,
    "dispatch": plan_dispatch,
}


def moments_to_ask(lead: Lead, now: datetime, seed: int, count: int) -> list[datetime]:
    """Moments at which the lead's answer is compared: on, just before and just after what matters."""
    chance = random.Random(seed)
    exact = moments_that_matter(lead, now)
    pool = [m + n for m in exact for n in (timedelta(), -MICROSECOND, MICROSECOND)]
    chosen = chance.sample(pool, min(count, len(pool)))
    first = lead.periods[0].started_at
    chosen.append(first + (now - first) * chance.random())
    chosen.append(
        now + timedelta(days=chance.choice((1, 30, 75, 200, 400)), microseconds=chance.randrange(10**9))
    )
    return chosen


def rearrange(lead: Lead, now: datetime, seed: int, target: int) -> list[Operation] | None:
    """The facts of a lead again, for another lead and in another order of arrival.

    Only for a lead in its first, running period: recordings and ends depend on when they were made. A hold
    is entered as soon as it is acceptable; None if one never is,
    because it was accepted under facts that have been corrected since.
    """
    period: Period = lead.current
    if len(lead.periods) != 1 or period.ended_at is not None or lead.converted_at is not None:
        return None
    chance = random.Random(seed)
    world = World(now)
    operations: list[Operation] = [InsertLead(target, period.user_id, period.started_at)]
    operations[0].apply(world)
    key = target + 1000
    pending: list[Operation] = []
    for activity in lead.facts.activities:
        key += 1
        pending.append(
            InsertActivity(key, target, activity.user_id, activity.activity_type, activity.occurred_at)
        )
    pending += [InsertReminder(target, r) for r in lead.facts.reminders if r.sent_at is not None]
    pending += [InsertExtension(target, e) for e in lead.facts.extensions]
    for hold in lead.facts.holds:
        key += 1
        pending.append(InsertHold(key, target, hold.user_id, hold.start_at, hold.end_at))
    chance.shuffle(pending)
    while pending:
        ready = next((o for o in pending if o.verdict(world) is Verdict.ACCEPT), None)
        if ready is None:
            return None
        pending.remove(ready)
        ready.apply(world)
        operations.append(ready)
    return operations
