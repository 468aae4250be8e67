# ruff: noqa: S608 - statements are built from literals, so that a failing history can be pasted
"""What a history is made of: operations that say themselves in SQL, and what the rules make of each.

An operation knows its SQL, whether the database has to accept or to refuse it (`verdict`), and what it does
to the model once it was accepted (`apply`). Where the rules leave it open, the verdict is EITHER and the
model follows the database.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from enum import Enum

from tests.model import (
    OVER,
    QUALIFIED,
    Activity,
    Extension,
    Hold,
    Interval,
    Lead,
    Period,
    Policy,
    Reminder,
    deadline,
    granted,
    merged,
    read_clocks,
)

SKEW = timedelta(minutes=5)

STANDARD = Policy()
SHORT = Policy(
    "proof-short", Interval(months=2), Interval(days=14), Interval(days=3), time_zone="America/New_York"
)
ODD = Policy(
    "proof-odd",
    Interval(months=3, days=10, microseconds=18_000_000_001),
    Interval(months=1),
    Interval(days=1, microseconds=43_200_000_000),
    time_zone="Australia/Lord_Howe",
)
FIRST = Policy("proof-versions")
SECOND = Policy("proof-versions", Interval(months=4), Interval(days=30), Interval(days=7))
SECOND_FROM = datetime(2026, 3, 29, 0, 30, tzinfo=UTC)

# Per user: the versions of the policy, each with the moment from which it is in force.
ALWAYS = datetime(2000, 1, 1, tzinfo=UTC)
CONTRACTS: dict[int, list[tuple[datetime, Policy]]] = {
    910001: [(ALWAYS, STANDARD)],
    910002: [(ALWAYS, STANDARD)],  # has no row in sales_users
    910003: [(ALWAYS, SHORT)],
    910004: [(ALWAYS, ODD)],
    910005: [(ALWAYS, FIRST), (SECOND_FROM, SECOND)],
}
USERS = tuple(CONTRACTS)
WITHOUT_ROW = 910002
LEADS = (990000001, 990000002)
AGING_KEY = 990000000


class Verdict(Enum):
    ACCEPT = "accepted"
    REFUSE = "refused"
    EITHER = "accepted or refused"


def literal(value: datetime | date | str | int | Interval | None) -> str:
    """A SQL literal; instants in UTC, so that the session's time zone has no say."""
    if value is None:
        return "null"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, datetime):
        return f"'{value.astimezone(UTC).replace(tzinfo=None).isoformat()}Z'"
    if isinstance(value, Interval):
        return f"interval '{value}'"
    escaped = str(value).replace("'", "''")
    return f"'{escaped}'"


def insert(table: str, **values: datetime | date | str | int | Interval | None) -> str:
    names = ", ".join(values)
    return f"insert into {table} ({names}) values ({', '.join(literal(v) for v in values.values())})"


def contract_statements() -> list[str]:
    """Policies and users that the histories refer to."""
    statements = []
    for versions in CONTRACTS.values():
        for number, (valid_from, policy) in enumerate(versions, start=1):
            if policy is not STANDARD:
                statements.append(
                    insert(
                        "protection_policies",
                        policy=policy.name,
                        version=number,
                        base_term=policy.base_term,
                        activity_interval=policy.activity_interval,
                        grace_period=policy.grace_period,
                        time_zone=policy.time_zone,
                        valid_from=valid_from,
                    )
                )
    statements += [
        insert("sales_users", user_id=user, policy=versions[0][1].name)
        for user, versions in CONTRACTS.items()
        if user != WITHOUT_ROW
    ]
    return statements


def policy_of(user: int, started_at: datetime) -> tuple[int, Policy]:
    """Version and policy that a period of the user starting then is pinned to."""
    versions = CONTRACTS[user]
    found = (1, versions[0][1])
    for number, (valid_from, policy) in enumerate(versions, start=1):
        if valid_from <= started_at:
            found = (number, policy)
    return found


@dataclass
class World:
    """The model of everything that one history touches, at one frozen moment `now`."""

    now: datetime
    leads: dict[int, Lead] = field(default_factory=dict)
    doubtful: set[int] = field(default_factory=set)

    def lead_of_activity(self, key: int) -> Lead | None:
        return next(
            (le for le in self.leads.values() if any(a.key == key for a in le.facts.activities)), None
        )

    def lead_of_hold(self, key: int) -> Lead | None:
        return next((le for le in self.leads.values() if any(h.key == key for h in le.facts.holds)), None)

    def clamped(self, moment: datetime) -> datetime:
        return min(moment, self.now)

    def too_late(self, moment: datetime | None) -> bool:
        return moment is not None and moment > self.now + SKEW

    def is_doubtful(self, lead: Lead) -> bool:
        """Whether the rules leave the lead's answer open, so that it is not compared."""
        return lead.id in self.doubtful or any(late_extension(lead, p, self.now) for p in lead.periods)


def late_extension(lead: Lead, period: Period, now: datetime) -> bool:
    """Whether an extension was granted when the term that it prolongs was over, or before any period."""
    facts = lead.facts_of(period)
    stops = merged([h for h in facts.holds if h.user_id == period.user_id and h.start_at <= now], now)
    term = period.policy.base_term
    for extension in sorted(granted(period, facts, now), key=lambda e: e.granted_at):
        base = deadline(period.started_at, term, period.policy.time_zone, stops)
        if base <= extension.granted_at:
            return True
        term = term + extension.extension
    return any(e.granted_at < lead.periods[0].started_at for e in facts.extensions)


def recorded_period(lead: Lead, moment: datetime) -> Period | None:
    """The period with a recorded expiry that contains the moment."""
    for period in lead.periods:
        if period.known is not None and period.ended_at and period.started_at <= moment < period.ended_at:
            return period
    return None


def frozen_activity(lead: Lead, activity: Activity) -> Verdict:
    """Whether a correction of this activity has to be refused because a recorded expiry rests on it."""
    period = recorded_period(lead, activity.occurred_at)
    if period is None or period.known is None:
        return Verdict.ACCEPT
    decides = activity.user_id == period.user_id and activity.activity_type in QUALIFIED
    return Verdict.REFUSE if decides and activity in period.known.activities else Verdict.EITHER


def frozen_hold(lead: Lead, hold: Hold) -> Verdict:
    period = recorded_period(lead, hold.start_at)
    if period is not None and period.known is not None:
        decides = hold.user_id == period.user_id and hold in period.known.holds
        return Verdict.REFUSE if decides and hold.start_at != hold.end_at else Verdict.EITHER
    reaches_in = any(
        p.is_recorded and hold.start_at < p.started_at and (hold.end_at is None or hold.end_at > p.started_at)
        for p in lead.periods
    )
    return Verdict.EITHER if reaches_in else Verdict.ACCEPT


def frozen_reminder(lead: Lead, reminder: Reminder) -> Verdict:
    if reminder.sent_at is None:
        return Verdict.ACCEPT
    period = recorded_period(lead, reminder.sent_at)
    if period is None or period.known is None:
        return Verdict.ACCEPT
    decides = reminder.user_id == period.user_id and reminder.reminder_type == "INACTIVITY"
    return Verdict.REFUSE if decides and reminder in period.known.reminders else Verdict.EITHER


def judge_hold(lead: Lead, user: int, start: datetime, without: Hold | None = None) -> Verdict:
    """Whether a user may have a hold start at a moment: judged as of that moment."""
    period = lead.period_at(start)
    if period is None:
        return Verdict.EITHER
    if period.is_recorded:
        # Before a reinstatement: the rules do not say whether such a hold is refused or counts from there.
        return Verdict.REFUSE if period is lead.current else Verdict.EITHER
    if period is not lead.current or period.ended_at is not None:
        # Under a former user, or in a converted period: the rules do not say.
        over = period.ended_at is not None and start >= period.ended_at
        return Verdict.REFUSE if over else Verdict.EITHER
    if user != period.user_id:
        return Verdict.REFUSE
    judged = replace(lead, facts=lead.facts.copy())
    if without is not None:
        judged.facts.holds.remove(without)
    return Verdict.REFUSE if judged.row_of(period, start).state in OVER else Verdict.ACCEPT


class Operation(ABC):
    """One statement of a history, or a few that belong together."""

    @abstractmethod
    def sql(self) -> str: ...

    @abstractmethod
    def verdict(self, world: World) -> Verdict: ...

    @abstractmethod
    def apply(self, world: World) -> None: ...


@dataclass(frozen=True)
class InsertLead(Operation):
    lead: int
    user: int
    created_at: datetime

    def sql(self) -> str:
        return insert("leads", id=self.lead, user_id=self.user, created_at=self.created_at)

    def verdict(self, world: World) -> Verdict:
        return Verdict.REFUSE if world.too_late(self.created_at) else Verdict.ACCEPT

    def apply(self, world: World) -> None:
        start = world.clamped(self.created_at)
        lead = Lead(self.lead, self.user)
        lead.start_period(self.user, policy_of(self.user, start)[1], start)
        world.leads[self.lead] = lead


@dataclass(frozen=True)
class InsertActivity(Operation):
    key: int
    lead: int
    user: int
    activity_type: str
    occurred_at: datetime

    def sql(self) -> str:
        return insert(
            "lead_activities",
            id=self.key,
            lead_id=self.lead,
            user_id=self.user,
            activity_type=self.activity_type,
            occurred_at=self.occurred_at,
        )

    def verdict(self, world: World) -> Verdict:
        return Verdict.REFUSE if world.too_late(self.occurred_at) else Verdict.ACCEPT

    def apply(self, world: World) -> None:
        world.leads[self.lead].facts.activities.append(
            Activity(self.key, self.user, self.activity_type, world.clamped(self.occurred_at))
        )


@dataclass(frozen=True)
class CorrectActivity(Operation):
    """Another moment, another type, or another lead: `lead` is the one it belongs to from now on."""

    key: int
    lead: int
    activity_type: str
    occurred_at: datetime

    def sql(self) -> str:
        return (
            f"update lead_activities set lead_id = {self.lead},"
            f" activity_type = {literal(self.activity_type)},"
            f" occurred_at = {literal(self.occurred_at)} where id = {self.key}"
        )

    def verdict(self, world: World) -> Verdict:
        lead = world.lead_of_activity(self.key)
        if lead is None:
            return Verdict.ACCEPT
        old = next(a for a in lead.facts.activities if a.key == self.key)
        unchanged = (self.lead, self.activity_type, self.occurred_at) == (
            lead.id,
            old.activity_type,
            old.occurred_at,
        )
        frozen = Verdict.EITHER if unchanged else frozen_activity(lead, old)
        if world.too_late(self.occurred_at):
            return Verdict.REFUSE
        if frozen is Verdict.ACCEPT and recorded_period(world.leads[self.lead], self.occurred_at):
            return Verdict.EITHER
        return frozen

    def apply(self, world: World) -> None:
        lead = world.lead_of_activity(self.key)
        if lead is None:
            return
        old = next(a for a in lead.facts.activities if a.key == self.key)
        lead.facts.activities.remove(old)
        world.leads[self.lead].facts.activities.append(
            replace(old, activity_type=self.activity_type, occurred_at=world.clamped(self.occurred_at))
        )


@dataclass(frozen=True)
class DeleteActivity(Operation):
    key: int

    def sql(self) -> str:
        return f"delete from lead_activities where id = {self.key}"

    def verdict(self, world: World) -> Verdict:
        lead = world.lead_of_activity(self.key)
        if lead is None:
            return Verdict.ACCEPT
        return frozen_activity(lead, next(a for a in lead.facts.activities if a.key == self.key))

    def apply(self, world: World) -> None:
        lead = world.lead_of_activity(self.key)
        if lead is not None:
            lead.facts.activities = [a for a in lead.facts.activities if a.key != self.key]


@dataclass(frozen=True)
class InsertHold(Operation):
    key: int
    lead: int
    user: int
    start_at: datetime
    end_at: datetime | None

    def sql(self) -> str:
        return insert(
            "lead_holds",
            id=self.key,
            lead_id=self.lead,
            user_id=self.user,
            reason="price list owed",
            start_at=self.start_at,
            end_at=self.end_at,
        )

    def verdict(self, world: World) -> Verdict:
        if world.too_late(self.start_at) or (self.end_at is not None and self.end_at < self.start_at):
            return Verdict.REFUSE
        if self.end_at is not None and self.end_at < world.clamped(self.start_at):
            return Verdict.EITHER
        return judge_hold(world.leads[self.lead], self.user, world.clamped(self.start_at))

    def apply(self, world: World) -> None:
        world.leads[self.lead].facts.holds.append(
            Hold(self.key, self.user, world.clamped(self.start_at), self.end_at)
        )


@dataclass(frozen=True)
class CorrectHold(Operation):
    key: int
    start_at: datetime
    end_at: datetime | None

    def sql(self) -> str:
        return (
            f"update lead_holds set start_at = {literal(self.start_at)}, end_at = {literal(self.end_at)}"
            f" where id = {self.key}"
        )

    def verdict(self, world: World) -> Verdict:
        lead = world.lead_of_hold(self.key)
        if lead is None:
            return Verdict.ACCEPT
        old = next(h for h in lead.facts.holds if h.key == self.key)
        if world.too_late(self.start_at) or (self.end_at is not None and self.end_at < self.start_at):
            return Verdict.REFUSE
        unchanged = (old.start_at, old.end_at) == (self.start_at, self.end_at)
        frozen = Verdict.EITHER if unchanged else frozen_hold(lead, old)
        if frozen is not Verdict.ACCEPT:
            return frozen
        # The rules ask of an inserted hold that protection ran at its start; of a corrected one they do not.
        judged = judge_hold(lead, old.user_id, world.clamped(self.start_at), without=old)
        moved_in = lead.period_at(old.start_at) is lead.current
        return judged if judged is Verdict.ACCEPT and moved_in else Verdict.EITHER

    def apply(self, world: World) -> None:
        lead = world.lead_of_hold(self.key)
        if lead is not None:
            start = world.clamped(self.start_at)
            lead.facts.holds = [
                replace(h, start_at=start, end_at=self.end_at) if h.key == self.key else h
                for h in lead.facts.holds
            ]


@dataclass(frozen=True)
class DeleteHold(Operation):
    key: int

    def sql(self) -> str:
        return f"delete from lead_holds where id = {self.key}"

    def verdict(self, world: World) -> Verdict:
        lead = world.lead_of_hold(self.key)
        if lead is None:
            return Verdict.ACCEPT
        return frozen_hold(lead, next(h for h in lead.facts.holds if h.key == self.key))

    def apply(self, world: World) -> None:
        lead = world.lead_of_hold(self.key)
        if lead is not None:
            lead.facts.holds = [h for h in lead.facts.holds if h.key != self.key]


@dataclass(frozen=True)
class CreateHold(Operation):
    """The procedure of the runbooks: a hold from now on, open or with a planned end."""

    lead: int
    user: int
    end_at: datetime | None

    def sql(self) -> str:
        planned = "" if self.end_at is None else f", end_at => {literal(self.end_at)}"
        return f"call create_lead_hold({self.lead}, {self.user}, 'price list owed'{planned})"

    def verdict(self, world: World) -> Verdict:
        lead = world.leads[self.lead]
        if self.user != lead.user_id or (self.end_at is not None and self.end_at < world.now):
            return Verdict.REFUSE
        judged = judge_hold(lead, self.user, world.now)
        # A hold left open in a converted lead: a notice that there is one, or a refusal?
        return Verdict.EITHER if self.changes_nothing(lead, world.now) else judged

    def changes_nothing(self, lead: Lead, now: datetime) -> bool:
        """Whether a hold is active that lasts at least as long."""
        return any(
            h.user_id == self.user
            and h.start_at <= now
            and (h.end_at is None or (self.end_at is not None and h.end_at > now and h.end_at >= self.end_at))
            for h in lead.facts.holds
        )

    def apply(self, world: World) -> None:
        lead = world.leads[self.lead]
        if not self.changes_nothing(lead, world.now):
            lead.facts.holds.append(Hold(0, self.user, world.now, self.end_at))


@dataclass(frozen=True)
class ReleaseHold(Operation):
    lead: int
    user: int

    def sql(self) -> str:
        return f"call release_lead_hold({self.lead}, {self.user})"

    def verdict(self, world: World) -> Verdict:
        lead = world.leads[self.lead]
        if self.user != lead.user_id:
            return Verdict.REFUSE
        return Verdict.ACCEPT if lead.current.ended_at is None else Verdict.EITHER

    def apply(self, world: World) -> None:
        facts = world.leads[self.lead].facts
        facts.holds = [
            replace(h, end_at=world.now) if h.end_at is None or h.end_at > world.now else h
            for h in facts.holds
        ]


@dataclass(frozen=True)
class InsertReminder(Operation):
    lead: int
    reminder: Reminder

    def sql(self) -> str:
        values = insert(
            "lead_reminders",
            lead_id=self.lead,
            user_id=self.reminder.user_id,
            reminder_type=self.reminder.reminder_type,
            window_start=self.reminder.window_start,
            sent_at=self.reminder.sent_at,
        )
        # A row queued for the same window may or may not have been withdrawn: rule 2 reads sent ones only.
        return (
            f"{values} on conflict (lead_id, user_id, reminder_type, window_start)"
            " do update set sent_at = excluded.sent_at"
        )

    def verdict(self, world: World) -> Verdict:
        if world.too_late(self.reminder.sent_at):
            return Verdict.REFUSE
        lead = world.leads[self.lead]
        old = next((r for r in lead.facts.reminders if r.key == self.reminder.key), None)
        if old is not None and old.sent_at is not None:
            return Verdict.EITHER
        frozen = frozen_reminder(lead, self.reminder)
        return Verdict.EITHER if frozen is not Verdict.ACCEPT else frozen

    def apply(self, world: World) -> None:
        facts = world.leads[self.lead].facts
        new = self.reminder
        if new.sent_at is not None:
            new = replace(new, sent_at=world.clamped(new.sent_at))
        facts.reminders = [r for r in facts.reminders if r.key != new.key]
        facts.reminders.append(new)


def reminder_filter(lead: int, reminder: Reminder) -> str:
    return (
        f"lead_id = {lead} and user_id = {reminder.user_id}"
        f" and reminder_type = {literal(reminder.reminder_type)}"
        f" and window_start = {literal(reminder.window_start)}"
    )


@dataclass(frozen=True)
class CorrectReminder(Operation):
    lead: int
    reminder: Reminder
    sent_at: datetime

    def sql(self) -> str:
        return (
            f"update lead_reminders set sent_at = {literal(self.sent_at)}"
            f" where {reminder_filter(self.lead, self.reminder)} and sent_at is not null"
        )

    def verdict(self, world: World) -> Verdict:
        lead = world.leads[self.lead]
        old = next((r for r in lead.facts.reminders if r.key == self.reminder.key), None)
        if old is None or old.sent_at is None:
            return Verdict.ACCEPT
        if world.too_late(self.sent_at):
            return Verdict.REFUSE
        frozen = Verdict.EITHER if old.sent_at == self.sent_at else frozen_reminder(lead, old)
        if frozen is Verdict.ACCEPT and recorded_period(lead, self.sent_at):
            return Verdict.EITHER
        return frozen

    def apply(self, world: World) -> None:
        facts = world.leads[self.lead].facts
        facts.reminders = [
            replace(r, sent_at=world.clamped(self.sent_at))
            if r.key == self.reminder.key and r.sent_at is not None
            else r
            for r in facts.reminders
        ]


@dataclass(frozen=True)
class DeleteReminder(Operation):
    lead: int
    reminder: Reminder

    def sql(self) -> str:
        return f"delete from lead_reminders where {reminder_filter(self.lead, self.reminder)}"

    def verdict(self, world: World) -> Verdict:
        lead = world.leads[self.lead]
        old = next((r for r in lead.facts.reminders if r.key == self.reminder.key), None)
        return Verdict.ACCEPT if old is None else frozen_reminder(lead, old)

    def apply(self, world: World) -> None:
        facts = world.leads[self.lead].facts
        facts.reminders = [r for r in facts.reminders if r.key != self.reminder.key]


@dataclass(frozen=True)
class InsertExtension(Operation):
    lead: int
    extension: Extension

    def sql(self) -> str:
        return insert(
            "lead_extensions",
            lead_id=self.lead,
            user_id=self.extension.user_id,
            extension=self.extension.extension,
            reason="trade fair",
            granted_at=self.extension.granted_at,
        )

    def is_usable(self, world: World) -> bool:
        """Whether protection ran when the extension was granted; otherwise the rules leave it open."""
        lead = world.leads[self.lead]
        period = lead.current
        if period.ended_at is not None or not period.started_at <= self.extension.granted_at <= world.now:
            return False
        row = lead.row_of(period, self.extension.granted_at)
        return self.extension.user_id == period.user_id and row.state not in OVER

    def verdict(self, world: World) -> Verdict:
        return Verdict.ACCEPT if self.is_usable(world) else Verdict.EITHER

    def apply(self, world: World) -> None:
        if not self.is_usable(world):
            world.doubtful.add(self.lead)
        world.leads[self.lead].facts.extensions.append(self.extension)


@dataclass(frozen=True)
class Extend(Operation):
    lead: int
    user: int
    extension: Interval

    def sql(self) -> str:
        return (
            f"call extend_lead_protection({self.lead}, {self.user}, {literal(self.extension)}, 'trade fair')"
        )

    def verdict(self, world: World) -> Verdict:
        lead = world.leads[self.lead]
        row = lead.row_at(world.now)
        running = row is not None and row.state not in OVER and lead.user_id == self.user
        return Verdict.ACCEPT if running else Verdict.REFUSE

    def apply(self, world: World) -> None:
        world.leads[self.lead].facts.extensions.append(Extension(self.user, self.extension, world.now))


@dataclass(frozen=True)
class CorrectCreation(Operation):
    lead: int
    created_at: datetime

    def sql(self) -> str:
        return f"update leads set created_at = {literal(self.created_at)} where id = {self.lead}"

    def verdict(self, world: World) -> Verdict:
        if world.too_late(self.created_at):
            return Verdict.REFUSE
        lead = world.leads[self.lead]
        first = len(lead.periods) == 1 and lead.current.ended_at is None
        return Verdict.ACCEPT if first else Verdict.EITHER

    def apply(self, world: World) -> None:
        lead = world.leads[self.lead]
        start = world.clamped(self.created_at)
        lead.move_start(start, policy_of(lead.user_id, start)[1])


def aging(lead: int, start: datetime, policy_version: int, ends_holds: bool) -> str:
    """Move a period that began at now() back in time, as if the history had taken months and not one instant.

    The insert and the deletion make the database compute the lead anew from its facts.
    Where the database, unlike the plan, has just reinstated the lead, nothing ends before it began (can_age).
    """
    moment = literal(start)
    end_holds = (
        f"update lead_holds set end_at = greatest(start_at, {moment})"
        f" where lead_id = {lead} and end_at > {moment};\n"
    )
    return f"""set local session_replication_role = replica;
update lead_protection_periods set ended_at = {moment}
 where lead_id = {lead} and end_reason = 'TRANSFERRED' and ended_at = now() and started_at <= {moment};
update lead_protection_periods set started_at = {moment}, policy_version = {policy_version}
 where lead_id = {lead} and ended_at is null;
{end_holds if ends_holds else ""}set local session_replication_role = origin;
insert into lead_activities (id, lead_id, user_id, activity_type, occurred_at)
select {AGING_KEY}, id, user_id, 'QUALIFIED_CALL', {moment} from leads where id = {lead};
delete from lead_activities where id = {AGING_KEY}"""


def can_age(lead: Lead, start: datetime, now: datetime) -> bool:
    """Whether a new period made now and dated back to `start` is what would have come about at `start`."""
    period = lead.current
    if start <= period.started_at or any(h.start_at > start for h in lead.facts.holds):
        return False
    end = period.ended_at or read_clocks(period, lead.facts, now).over
    return end is None or end <= start


@dataclass(frozen=True)
class Transfer(Operation):
    """Hand the lead over; `at` may lie in the past, see `aging`."""

    lead: int
    user: int
    at: datetime | None

    def sql(self) -> str:
        update = f"update leads set user_id = {self.user} where id = {self.lead}"
        if self.at is None:
            return update
        return f"{update};\n{aging(self.lead, self.at, policy_of(self.user, self.at)[0], ends_holds=True)}"

    def verdict(self, world: World) -> Verdict:
        return Verdict.ACCEPT

    def apply(self, world: World) -> None:
        lead = world.leads[self.lead]
        if self.at is not None and not can_age(lead, self.at, world.now):
            world.doubtful.add(lead.id)
        at = self.at or world.now
        lead.transfer(self.user, policy_of(self.user, at)[1], at)


@dataclass(frozen=True)
class Reinstate(Operation):
    lead: int
    user: int
    at: datetime | None

    def sql(self) -> str:
        call = f"call reinstate_lead_protection({self.lead}, {self.user}, 'second chance')"
        if self.at is None:
            return call
        return f"{call};\n{aging(self.lead, self.at, policy_of(self.user, self.at)[0], ends_holds=False)}"

    def verdict(self, world: World) -> Verdict:
        lead = world.leads[self.lead]
        row = lead.row_at(world.now)
        over = row is not None and row.state == "EXPIRED"
        usable = over and lead.converted_at is None and self.user == lead.user_id
        return Verdict.ACCEPT if usable else Verdict.REFUSE

    def apply(self, world: World) -> None:
        lead = world.leads[self.lead]
        if self.at is not None and not can_age(lead, self.at, world.now):
            world.doubtful.add(lead.id)
        at = self.at or world.now
        lead.record_expiry(world.now)
        lead.start_period(self.user, policy_of(self.user, at)[1], at)


@dataclass(frozen=True)
class Convert(Operation):
    lead: int
    at: datetime | None

    def sql(self) -> str:
        return f"update leads set converted_at = {literal(self.at)} where id = {self.lead}"

    def verdict(self, world: World) -> Verdict:
        return Verdict.REFUSE if world.too_late(self.at) else Verdict.ACCEPT

    def apply(self, world: World) -> None:
        lead = world.leads[self.lead]
        at = None if self.at is None else world.clamped(self.at)
        if at == lead.converted_at:
            return
        if unclear_end(lead):
            world.doubtful.add(lead.id)
        lead.convert(at)


@dataclass(frozen=True)
class Sweep(Operation):
    at: datetime

    def sql(self) -> str:
        return f"select * from expire_due_protections(1000, {literal(self.at)})"

    def verdict(self, world: World) -> Verdict:
        return Verdict.REFUSE if self.at > world.now else Verdict.ACCEPT

    def apply(self, world: World) -> None:
        for lead in world.leads.values():
            if saved_since(lead, self.at, world.now):
                world.doubtful.add(lead.id)
            else:
                lead.record_expiry(self.at)


@dataclass(frozen=True)
class Dispatch(Operation):
    """Queue what is due; the rows that it makes have no sent_at and decide nothing."""

    def sql(self) -> str:
        return "select * from dispatch_due_reminders(1000)"

    def verdict(self, world: World) -> Verdict:
        return Verdict.ACCEPT

    def apply(self, world: World) -> None:
        pass


def saved_since(lead: Lead, at: datetime, now: datetime) -> bool:
    """Whether protection was over at `at`, or at the conversion before it, but is not by what is known now.

    An extension granted since, or a hold that is still open and moves R past the window of a reminder sent
    early, has saved it: what prevails is left open.
    """
    period = lead.current
    if period.started_at > at or period.end_reason not in (None, "CONVERTED"):
        return False
    moment = min(at, period.ended_at or at)
    return (
        read_clocks(period, lead.facts, moment).over is not None
        and read_clocks(period, lead.facts, now).over is None
    )


def unclear_end(lead: Lead) -> bool:
    """Whether later facts say that a period was over before it was ended otherwise."""
    return any(
        p.ended_at is not None
        and not p.is_recorded
        and read_clocks(p, lead.facts, p.ended_at).over is not None
        for p in lead.periods
    )
