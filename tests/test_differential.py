# ruff: noqa: S608 - what is put into the queries are the column names of the contract and test data
"""The database against the model: random histories, applied to both, must give the same answers.

Every history runs inside a savepoint of a long transaction, in which now() stands still, under a random
session time zone. `LEADGUARD_HISTORIES` sets their number; only the default run is deterministic.
"""

from __future__ import annotations

import os
import random
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, NoReturn

import psycopg
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from psycopg.rows import tuple_row

from tests import model
from tests.histories import (
    EXTENSIONS,
    HISTORIES,
    SPECIAL,
    History,
    moments_to_ask,
    plan_history,
    rearrange,
)
from tests.model import OVER, Interval, Lead, Row, add_local
from tests.operations import LEADS, Operation, Verdict, World, contract_statements, unclear_end

DEFAULT_HISTORIES = 1500
HISTORY_COUNT = int(os.environ.get("LEADGUARD_HISTORIES", DEFAULT_HISTORIES))
# Of every kind: half hours, no DST, DST the other way round, both sides of the date line.
TIME_ZONES = (
    "UTC", "Europe/Berlin", "Europe/London", "Europe/Lisbon", "Europe/Dublin", "Europe/Istanbul",
    "Europe/Moscow", "Atlantic/Azores", "Atlantic/Reykjavik", "Africa/Casablanca", "Africa/Cairo",
    "Africa/Johannesburg", "America/New_York", "America/Chicago", "America/Denver", "America/Phoenix",
    "America/Los_Angeles", "America/Anchorage", "America/St_Johns", "America/Sao_Paulo", "America/Santiago",
    "America/Havana", "America/Asuncion", "Asia/Kolkata", "Asia/Kathmandu", "Asia/Tehran", "Asia/Jerusalem",
    "Asia/Tokyo", "Asia/Shanghai", "Asia/Yangon", "Asia/Gaza", "Australia/Sydney", "Australia/Adelaide",
    "Australia/Lord_Howe", "Australia/Eucla", "Pacific/Auckland", "Pacific/Chatham", "Pacific/Apia",
    "Pacific/Kiritimati", "Pacific/Honolulu",
)  # fmt: skip
COPIES = (LEADS[0] + 500000, LEADS[1] + 600000)
COLUMNS = ", ".join(Row._fields)

# Each statement in a subtransaction of its own: one round trip for a history, refusals included.
ATTEMPT = """
create function pg_temp.attempt(p_statements text[])
returns table (code text, message text)
language plpgsql as $$
declare
    v_statement text;
begin
    foreach v_statement in array p_statements loop
        begin
            execute v_statement;
            code := '00000';
            message := null;
        exception when others then
            get stacked diagnostics code = returned_sqlstate, message = message_text;
            set local session_replication_role = origin;
        end;
        return next;
    end loop;
end
$$
"""


class Disagreement(AssertionError):
    """The database and the model give different answers."""


@dataclass
class Outcome:
    operation: Operation
    code: str
    message: str | None

    @property
    def accepted(self) -> bool:
        return self.code == "00000"


class Proof:
    """A connection inside a transaction, and the comparison of what it holds with the model."""

    # What histories leave behind is dead, but in the way until their transaction ends and a vacuum comes by.
    TOGETHER = 250

    def __init__(self, connection: psycopg.Connection[tuple[Any, ...]]) -> None:
        self.connection = connection
        self.histories = 0
        self.compared = 0
        self.doubtful = 0
        self.rearranged = 0
        self.seen: Counter[str] = Counter()
        self.begin()

    def begin(self) -> None:
        with self.connection.cursor() as cursor:
            cursor.execute("set local client_min_messages = warning")
            # Compiling a statement takes longer than running it on a handful of rows.
            cursor.execute("set local jit = off")
            for statement in contract_statements():
                cursor.execute(statement.encode())
            cursor.execute(ATTEMPT)
        self.now: datetime = self.query("select now()")[0][0]

    def query(self, sql: str, *parameters: object) -> list[tuple[Any, ...]]:
        """Rows with their instants in UTC: Python calls equal instants in a double hour unequal otherwise."""
        with self.connection.cursor(binary=True) as cursor:
            cursor.execute(sql.encode(), parameters or None)
            return [
                tuple(v.astimezone(UTC) if isinstance(v, datetime) else v for v in row)
                for row in cursor.fetchall()
            ]

    def run(self, history: History, time_zone: str) -> None:
        """Apply a history to database and model, compare, and take it back."""
        self.histories += 1
        if self.histories % self.TOGETHER == 0:
            self.connection.rollback()
            self.connection.autocommit = True
            self.connection.execute("vacuum")
            self.connection.autocommit = False
            self.begin()
        self.connection.execute("savepoint history")
        try:
            Trial(self, history, time_zone).run()
        finally:
            self.connection.execute("rollback to savepoint history")


class Trial:
    """One history: its outcomes, the model that follows them, the comparisons."""

    def __init__(self, proof: Proof, history: History, time_zone: str) -> None:
        self.proof = proof
        self.history = history
        self.time_zone = time_zone
        self.outcomes: list[Outcome] = []
        self.world = World(proof.now)

    def run(self) -> None:
        try:
            self.proof.query("select set_config('timezone', %s, true)", self.time_zone)
            self.attempt(plan_history(self.history, self.proof.now)[1])
            leads = [self.world.leads[lead_id] for lead_id in LEADS]
            self.attempt_in_another_order(leads)
            self.compare(self.world.leads.values())
            self.compare_reminders(leads)
        except psycopg.Error as error:
            self.fail(f"a question that the database cannot answer: {error}")

    def attempt(self, operations: Sequence[Operation]) -> None:
        """Let the database try the operations, then the model follow what it accepted."""
        rows = self.proof.query("select * from pg_temp.attempt(%s)", [o.sql() for o in operations])
        outcomes = [Outcome(o, *row) for o, row in zip(operations, rows, strict=True)]
        for outcome in outcomes:
            self.outcomes.append(outcome)
            result = "accepted" if outcome.accepted else "refused"
            self.proof.seen[f"{type(outcome.operation).__name__} {result}"] += 1
            verdict = outcome.operation.verdict(self.world)
            if not outcome.accepted and not outcome.code.startswith("LP"):
                self.fail(f"an error that is no refusal: {outcome.code} {outcome.message}")
            if verdict is Verdict.ACCEPT and not outcome.accepted:
                self.fail(f"this should have been accepted, not refused with {outcome.code}")
            if verdict is Verdict.REFUSE and outcome.accepted:
                self.fail("this should have been refused")
            if outcome.accepted:
                outcome.operation.apply(self.world)

    def attempt_in_another_order(self, leads: Iterable[Lead]) -> None:
        for lead, copy in zip(leads, COPIES, strict=True):
            operations = rearrange(lead, self.world.now, self.history.seed, copy)
            if operations is not None:
                self.proof.rearranged += 1
                self.attempt(operations)

    # -- comparing --------------------------------------------------------------------------------

    def compare(self, leads: Iterable[Lead]) -> None:
        sure = []
        for lead in leads:
            if self.world.is_doubtful(lead) or unclear_end(lead):
                self.proof.doubtful += 1
            else:
                sure.append(lead)
                self.proof.compared += 1
        if sure:
            self.compare_view(sure)
            self.compare_moments(sure)
            self.compare_periods(sure)
        if found := self.proof.query("select * from verify_lead_protection()"):
            self.fail(f"verify_lead_protection() finds {found}")

    def compare_view(self, leads: Sequence[Lead]) -> None:
        sql = f"select {COLUMNS} from v_user_lead_protection where lead_id = any(%s)"
        found = {row[0]: row for row in self.proof.query(sql, [lead.id for lead in leads])}
        for lead in leads:
            self.compare_row(
                f"v_user_lead_protection, lead {lead.id}", found.get(lead.id), lead, self.world.now
            )

    def compare_row(self, what: str, found: tuple[Any, ...] | None, lead: Lead, at: datetime) -> None:
        expected = lead.row_at(at)
        actual = None if found is None or found[0] is None else Row(*found)
        if actual == expected:
            if expected is not None:
                stopped = expected.clock_stopped_since is not None
                self.proof.seen.update(
                    [expected.state, expected.end_reason or "", "STOPPED" if stopped else ""]
                )
            return
        if actual is None or expected is None:
            self.fail(f"{what}: database {actual}, model {expected}")
        lines = [
            f"    {name}: database {a}, model {e}"
            for name, a, e in zip(Row._fields, actual, expected, strict=True)
            if a != e
        ]
        self.fail("\n".join([f"{what}, state {actual.state}:", *lines]))

    def compare_moments(self, leads: Sequence[Lead]) -> None:
        asked = [
            (lead, at)
            for lead in leads
            for at in moments_to_ask(lead, self.world.now, self.history.seed, 6 if lead.id in LEADS else 2)
        ]
        values = ([lead.id for lead, _ in asked], [at for _, at in asked])
        sql = f"""
            select {COLUMNS}
              from unnest(%s::bigint[], %s::timestamptz[]) with ordinality as m (lead, moment, n)
              left join lateral lead_protection_at(m.lead, m.moment) as p on true
             order by m.n"""
        for (lead, at), row in zip(asked, self.proof.query(sql, *values), strict=True):
            self.compare_row(f"lead_protection_at({lead.id}, '{at}')", row, lead, at)

        known = [(lead, self.world.now) for lead in leads if lead.id in LEADS]
        if self.history.seed % 3 == 0:  # explaining costs as much as all the rest
            known += [(lead, at) for lead, at in asked[::6] if lead.row_at(at) is not None]
        values = ([lead.id for lead, _ in known], [at for _, at in known])
        sql = """
            select e.clock, e.reminder_due_at, e.protection_expires_at
              from unnest(%s::bigint[], %s::timestamptz[]) with ordinality as m (lead, moment, n)
              left join lateral (select * from explain_lead_protection(m.lead, m.moment)
                                  order by step desc limit 1) as e on true
             order by m.n"""
        for (lead, at), explained in zip(known, self.proof.query(sql, *values), strict=True):
            protection = lead.row_at(at)
            assert protection is not None
            stopped = protection.clock_stopped_since is not None
            clock = "ENDED" if protection.state in OVER else "STOPPED" if stopped else "RUNNING"
            expected = (clock, protection.reminder_due_at, protection.protection_expires_at)
            if explained != expected:
                self.fail(
                    f"last row of explain_lead_protection({lead.id}, '{at}'):"
                    f" database {explained}, model {expected}"
                )

    def compare_periods(self, leads: Sequence[Lead]) -> None:
        sql = """
            select lead_id, user_id, policy, started_at, ended_at, end_reason, recorded_at is not null
              from lead_protection_periods where lead_id = any(%s) order by id"""
        rows = self.proof.query(sql, [lead.id for lead in leads])
        for lead in leads:
            expected = [
                (lead.id, p.user_id, p.policy.name, p.started_at, p.ended_at, p.end_reason, p.is_recorded)
                for p in lead.periods
            ]
            found = [row for row in rows if row[0] == lead.id]
            if found != expected:
                self.fail(f"periods of lead {lead.id}: database {found}, model {expected}")

    def compare_reminders(self, leads: Iterable[Lead]) -> None:
        """What is queued is due, and what is due and has no row yet is queued by the next dispatch."""
        queued = self.proof.query(
            "select lead_id, user_id, reminder_type, window_start, sent_at is null and event_id is not null"
            " from lead_reminders where lead_id = any(%s)",
            list(LEADS),
        )
        dispatched = self.proof.query(
            "select lead_id, user_id, reminder_type, window_start, due_at, sent_at"
            " from dispatch_due_reminders(10000) where lead_id = any(%s)",
            list(LEADS),
        )
        for lead in leads:
            if self.world.is_doubtful(lead) or unclear_end(lead):
                continue
            due = lead.due_reminders(self.world.now)
            user = lead.current.user_id
            waiting = {(r[1], r[2]) for r in queued if r[0] == lead.id and r[4]}
            if extra := waiting - {(user, kind) for kind in due}:
                self.fail(f"lead {lead.id} has a queued reminder that is not due: {extra}; due: {due}")
            taken = {(r[1], r[2], r[3]) for r in queued if r[0] == lead.id}
            expected = {
                (user, kind, window, at, None)
                for kind, (at, window) in due.items()
                if (user, kind, window) not in taken and (user, kind) not in waiting
            }
            found = {r[1:] for r in dispatched if r[0] == lead.id and (r[1], r[2]) not in waiting}
            if found != expected:
                self.fail(f"dispatch for lead {lead.id}: database {found}, model {expected}")

    # -- telling ----------------------------------------------------------------------------------

    def fail(self, what: str) -> NoReturn:
        lines = [what, "", "-- reproduce with:", "begin;", f"-- now() was {self.world.now.isoformat()}"]
        lines += [f"{statement};" for statement in contract_statements()]
        lines.append(f"set local time zone '{self.time_zone}';")
        for outcome in self.outcomes:
            said = "" if outcome.accepted else f"  -- {outcome.code}: {outcome.message}"
            lines.append(f"{outcome.operation.sql()};{said}")
        lines += [f"select * from v_user_lead_protection where id in {LEADS};", "rollback;"]
        raise Disagreement("\n".join(lines))


@pytest.fixture(scope="module")
def proof(database_url: str) -> Iterator[Proof]:
    with psycopg.connect(database_url, row_factory=tuple_row) as connection:
        yield Proof(connection)
        connection.rollback()


def profile(histories: int, *, shrink: bool = True) -> settings:
    return settings(
        max_examples=histories,
        derandomize=HISTORY_COUNT == DEFAULT_HISTORIES,
        database=None,
        deadline=None,
        report_multiple_bugs=False,
        phases=[Phase.generate, Phase.shrink] if shrink else [Phase.generate],
        suppress_health_check=list(HealthCheck),
    )


@profile(HISTORY_COUNT)
@given(history=HISTORIES)
def test_every_history_has_the_same_answers_in_database_and_model(proof: Proof, history: History) -> None:
    proof.run(history, TIME_ZONES[history.time_zone])


def test_the_histories_reach_every_state_and_few_are_left_out(proof: Proof) -> None:
    """Where the rules leave an answer open nothing is compared; that must stay the exception."""

    @profile(600, shrink=False)
    @given(history=HISTORIES)
    def look(history: History) -> None:
        proof.run(history, "UTC")

    if proof.compared < 1000:  # this test was started alone
        look()
    assert proof.doubtful * 20 < proof.compared
    assert proof.rearranged * 10 > proof.compared
    states = {
        "PROTECTED",
        "REMINDER_DUE",
        "GRACE",
        "EXPIRED",
        "CONVERTED",
        "STOPPED",
        "INACTIVITY",
        "BASE_TERM",
    }
    rare = {state: proof.seen[state] for state in states if proof.seen[state] < 50}
    assert not rare
    kinds = {kind.__name__ for kind in Operation.__subclasses__()}
    assert {kind for kind in kinds if proof.seen[f"{kind} accepted"] == 0} == set()
    refusable = {
        "InsertActivity",
        "InsertHold",
        "CreateHold",
        "CorrectActivity",
        "CorrectHold",
        "Extend",
        "Reinstate",
    }
    assert {kind for kind in refusable if proof.seen[f"{kind} refused"] == 0} == set()


@profile(max(8, HISTORY_COUNT // 180))
@given(history=HISTORIES)
def test_the_time_zone_of_the_session_changes_no_answer(proof: Proof, history: History) -> None:
    for time_zone in TIME_ZONES:
        proof.run(history, time_zone)


def test_calendar_arithmetic_is_that_of_the_database(proof: Proof) -> None:
    chance = random.Random(7)
    intervals = [*EXTENSIONS, Interval(months=6), Interval(days=60), Interval(days=-10), Interval(months=-1)]
    zones = ("Europe/Berlin", "America/New_York", "Australia/Lord_Howe")
    cases = []
    for _ in range(4000):
        moment = chance.choice(SPECIAL) + timedelta(
            days=chance.choice((0, 0, 1, 365)), minutes=chance.randrange(-300, 300)
        )
        cases.append((moment, chance.choice(intervals), chance.choice(zones)))
    found = proof.query(
        "select timezone(z, timezone(z, t) + i)"
        " from unnest(%s::timestamptz[], %s::interval[], %s::text[]) with ordinality as c (t, i, z, n)"
        " order by n",
        [moment for moment, _, _ in cases],
        [str(interval) for _, interval, _ in cases],
        [name for _, _, name in cases],
    )
    for case, (instant,) in zip(cases, found, strict=True):
        assert add_local(*case) == instant, case


def wrong_holds(
    holds: Iterable[model.Hold], open_end: datetime
) -> list[tuple[datetime, datetime]]:  # each hold on its own
    return sorted((h.start_at, h.end_at or open_end) for h in holds)


def wrong_calendar(moment: datetime, interval: Interval, time_zone: str) -> datetime:  # months as 30 days
    days = interval.days + 30 * interval.months
    return add_local(moment, Interval(0, days, interval.microseconds), time_zone)


def wrong_zone(moment: datetime, interval: Interval, _time_zone: str) -> datetime:
    return add_local(moment, interval, "UTC")


def wrong_deadline(
    moment: datetime, length: Interval, time_zone: str, stops: Sequence[tuple[datetime, datetime]]
) -> datetime:  # a hold after the deadline revives it
    result = add_local(moment, length, time_zone)
    for start, end in stops:
        if end > moment:
            result += end - max(start, moment)
    return result


@pytest.mark.parametrize(
    ("name", "error"),
    [
        ("merged", wrong_holds),
        ("add_local", wrong_calendar),
        ("add_local", wrong_zone),
        ("deadline", wrong_deadline),
        ("QUALIFIED", model.QUALIFIED | model.UNQUALIFIED),
    ],
    ids=["holds counted twice", "months of 30 days", "wrong zone", "revival", "any activity counts"],
)
def test_a_wrong_rule_is_noticed(
    proof: Proof, monkeypatch: pytest.MonkeyPatch, name: str, error: object
) -> None:
    """The proof can fail: with one rule of the model bent, some history disagrees."""
    monkeypatch.setattr(model, name, error)

    @profile(2000, shrink=False)  # it ends at the first that disagrees
    @given(history=HISTORIES)
    def compare(history: History) -> None:
        proof.run(history, "UTC")

    with pytest.raises(Disagreement):
        compare()
