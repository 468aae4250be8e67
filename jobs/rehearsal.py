"""A peak, rehearsed: requests that come whether or not those before them are answered, and the workers.

Everything that a phase did is then looked for: an event that was written and not received, a lead without its
clocks or a reminder that is overdue counts against it as a slow answer does.
"""

from __future__ import annotations

import itertools
import math
import random
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import psycopg

from jobs.console import Advance
from jobs.database import Connection, Database
from jobs.publish import DEFAULT_LIMIT, wait_for_events
from jobs.run import Outlet, expire, remind
from jobs.sinks.memory import Receiver
from jobs.worker import Job, Worker

# --- what is asked for ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Bound:
    """A threshold: what is measured, and what it must stay below (or, if `may_equal`, at)."""

    name: str
    limit: float
    what: str
    may_equal: bool = False

    def holds(self, measured: float | None) -> bool:
        """What was not measured does not hold."""
        if measured is None:
            return False
        return measured <= self.limit if self.may_equal else measured < self.limit

    @property
    def text(self) -> str:
        return f"{'<=' if self.may_equal else '<'} {self.limit:g}"


# The one list of them. outbox_lag_seconds is what kpi_thresholds says, where that says anything.
BOUNDS = (
    Bound("read_p95_ms", 200, "reads, 95th percentile, milliseconds"),
    Bound("lead_view_p95_ms", 50, "of them one lead's protection by its id"),
    Bound("error_percent", 2, "requests refused, failed or given up, percent"),
    Bound("outbox_lag_seconds", 3, "longest that an event waited to be published, seconds"),
    Bound("events_lost", 0, "events that were written and not received", may_equal=True),
    Bound("events_repeated", 0, "events that were received twice", may_equal=True),
    Bound("rows_lost", 0, "leads without period and clocks, activities gone", may_equal=True),
    Bound("differences", 0, "what verify finds on what was written", may_equal=True),
    Bound("work_left", 0, "leads due that no worker has looked at", may_equal=True),
    Bound("worker_failures", 0, "passes of workers that failed", may_equal=True),
)


@dataclass(frozen=True)
class Plan:
    """How hard and how long."""

    baseline: float  # requests a second on an ordinary day
    factors: Sequence[float]
    seconds: float  # for each factor
    sessions: int
    leads: int  # that are there before
    bounds: Sequence[Bound] = BOUNDS


# --- what a client asks -----------------------------------------------------------------------------------

# One lead's owner asks and writes more often than operations act.
_BY_ID = "select * from public.v_user_lead_protection where id = %s"
_BY_USER = "select * from public.v_user_lead_protection where user_id = %s"
_NEW_LEAD = """
    insert into public.leads (user_id, company_name, city, contact_name)
    values (%s, 'Hotel Zur Post', 'Potsdam', 'Erika Muster')
    returning id
"""
_NEW_ACTIVITY = """
    insert into public.lead_activities (lead_id, user_id, activity_type, summary)
    values (%s, %s, 'QUALIFIED_CALL', 'Angebot besprochen')
    returning id
"""
_HOLD = "call public.create_lead_hold(%s, %s, 'price list owed')"
_RELEASE = "call public.release_lead_hold(%s, %s)"
_EXTEND = "call public.extend_lead_protection(%s, %s, interval '1 day', 'rehearsed')"

Lead = tuple[int, int]  # its id, its user's


class Client:
    """What the sessions know of the leads between them, and what they have had confirmed."""

    def __init__(self, leads: list[Lead]) -> None:
        self._leads = leads
        self._held: deque[Lead] = deque()
        self.new_leads: list[int] = []
        self.new_activities: list[int] = []
        self.touched: set[int] = set()

    def lead_view(self, connection: Connection, chance: random.Random) -> None:
        # The answer is here by then; to make Python objects of it would cost the others' time.
        connection.execute(_BY_ID, [chance.choice(self._leads)[0]])

    def users_leads(self, connection: Connection, chance: random.Random) -> None:
        connection.execute(_BY_USER, [chance.choice(self._leads)[1]])

    def new_lead(self, connection: Connection, chance: random.Random) -> None:
        user = chance.choice(self._leads)[1]
        row = connection.execute(_NEW_LEAD, [user]).fetchone()
        assert row is not None
        self.new_leads.append(row["id"])
        self._leads.append((row["id"], user))

    def new_activity(self, connection: Connection, chance: random.Random) -> None:
        row = connection.execute(_NEW_ACTIVITY, self._any(chance)).fetchone()
        assert row is not None
        self.new_activities.append(row["id"])

    def hold(self, connection: Connection, chance: random.Random) -> None:
        lead = self._any(chance)
        connection.execute(_HOLD, lead)
        self._held.append(lead)

    def release(self, connection: Connection, chance: random.Random) -> None:
        try:
            lead = self._held.popleft()
        except IndexError:
            lead = self._any(chance)  # nobody is on hold: a notice
        self.touched.add(lead[0])
        connection.execute(_RELEASE, lead)

    def extend(self, connection: Connection, chance: random.Random) -> None:
        connection.execute(_EXTEND, self._any(chance))

    def _any(self, chance: random.Random) -> Lead:
        lead = chance.choice(self._leads)
        self.touched.add(lead[0])
        return lead


Ask = Callable[[Client, Connection, random.Random], None]


@dataclass(frozen=True)
class Request:
    """A kind of request, and its share of all."""

    name: str
    share: float
    is_read: bool
    ask: Ask


MIX = (
    Request("lead view", 0.45, True, Client.lead_view),
    Request("user's leads", 0.15, True, Client.users_leads),
    Request("new activity", 0.20, False, Client.new_activity),
    Request("new lead", 0.10, False, Client.new_lead),
    Request("hold", 0.04, False, Client.hold),
    Request("release", 0.04, False, Client.release),
    Request("extension", 0.02, False, Client.extend),
)
LEAD_VIEW = MIX[0].name


# --- what is there before ---------------------------------------------------------------------------------

_LEADS_PER_USER = 200
# So many leads fall due for each request that arrives, for each of the two sweeps.
_DUE_SHARE = 0.05

_STOCK = """
    insert into public.leads (user_id, company_name, city, created_at)
    select 1 + n %% %(users)s, 'Kantine ' || n, 'Potsdam', now() - n %% 50 * interval '1 day'
      from generate_series(1, %(leads)s) as n
    returning id, user_id
"""
# Each a moment after the other, counted back from when its reminder or its end is due.
_DUE = """
    insert into public.leads (user_id, company_name, city, created_at)
    select 1 + n %% %(users)s, 'Betriebsküche ' || n, 'Potsdam',
           internal.add_local(
               now() + n * %(seconds)s::double precision / %(leads)s * interval '1 second', -d.term,
               p.time_zone
           )
      from generate_series(1, %(leads)s) as n
     cross join public.protection_policies as p
     cross join lateral (values (p.activity_interval), (p.base_term)) as d (term)
     where p.policy = 'standard' and p.version = 1
    returning id
"""

# --- what is looked for afterwards ------------------------------------------------------------------------

_WRITTEN = """
    select a.event_id::text as event_id, extract(epoch from a.published_at - a.created_at)::float8 as lag
      from public.outbox_archive as a
     where a.created_at > %(since)s
     union all
    select o.event_id::text, extract(epoch from clock_timestamp() - o.created_at)::float8
      from public.outbox as o
"""
_LOST_LEADS = """
    select count(*) as n
      from unnest(%s::bigint[]) as i (id)
      left join internal.lead_clocks as c on c.lead_id = i.id
      left join public.lead_protection_periods as p on p.id = c.period_id and p.lead_id = i.id
     where p.id is null or not exists (select from public.leads as l where l.id = i.id)
"""
_LOST_ACTIVITIES = """
    select count(*) as n
      from unnest(%s::bigint[]) as i (id)
     where not exists (select from public.lead_activities as a where a.id = i.id)
"""
_DIFFERENCES = """
    select count(*) as n
      from unnest(%s::bigint[]) as i (id)
     cross join lateral public.verify_lead_protection(i.id) as d
"""
_WORK_LEFT = "select reminders + expiries as n from public.count_due_leads()"
_PENDING = "select count(*) as n from (select from public.outbox limit 1) as o"
_FAILURES = "select count(*) as n from public.job_runs where outcome = 'FAILURE' and started_at > %s"
_ACTIVATED = "lead.protection.activated"

# A client gives up on what has not been begun by then, and the database on what has been.
_PATIENCE_SECONDS = 10.0
_LIMITS = f"set statement_timeout = '{_PATIENCE_SECONDS:g}s'"
# After the last arrival the workers get so long to come to the end of what is due.
_SETTLE_SECONDS = 60.0
# Shorter than they sleep in service (30 s), so that each falls several times into a short phase, too.
_LONGEST_PAUSE = 10.0


@dataclass
class Answers:
    """What became of the requests of one kind: milliseconds since they were planned, and how many failed."""

    milliseconds: list[float] = field(default_factory=list)
    errors: int = 0

    def percentile(self, part: float) -> float | None:
        return percentile(self.milliseconds, part)


@dataclass(frozen=True)
class Verdict:
    bound: Bound
    measured: float | None

    @property
    def passed(self) -> bool:
        return self.bound.holds(self.measured)


@dataclass
class Phase:
    """One factor: what was asked, what came of it."""

    factor: float
    rate: float  # requests a second that were planned
    reached: float  # that were answered
    seconds: float
    answers: dict[str, Answers]
    errors: dict[str, int]  # by SQLSTATE or what else it was
    events: int
    reminders: int
    expiries: int
    verdicts: list[Verdict]

    @property
    def passed(self) -> bool:
        return all(verdict.passed for verdict in self.verdicts)


def percentile(values: Sequence[float], part: float) -> float | None:
    """Of sorted values; the nearest rank."""
    return values[max(math.ceil(part * len(values)), 1) - 1] if values else None


# --- the rehearsal ----------------------------------------------------------------------------------------

Watch = Callable[[str, int], Any]  # a context manager that gives an Advance, as jobs.console.progress does


class Rehearsal:
    """On a migrated database that nobody else uses."""

    def __init__(self, database: Database, plan: Plan) -> None:
        self._database = database
        self._plan = plan
        self._users = max(plan.leads // _LEADS_PER_USER, 1)
        self._stopping = threading.Event()
        self._receiver = Receiver()

    def run(self, watch: Watch) -> Generator[Phase, None, None]:
        """Yields each phase as it ends; `watch(label, total)` shows how far it is."""
        with self._database.session("leadguard rehearse") as connection, self._workers():
            client = self._client(connection)
            for factor in self._plan.factors:
                yield self._phase(connection, client, factor, watch)

    def _client(self, connection: Connection) -> Client:
        given = {"users": self._users, "leads": self._plan.leads}
        rows = connection.execute(_STOCK, given).fetchall()
        connection.execute("analyze")
        return Client([(row["id"], row["user_id"]) for row in rows])

    @contextmanager
    def _workers(self) -> Iterator[None]:
        """The workers of `leadguard run`, with a sink that proves and notes what it is given."""
        pause = min(_LONGEST_PAUSE, self._plan.seconds / 4)
        outlet = Outlet("", self._database, DEFAULT_LIMIT, self._receiver)
        jobs = (
            Job("remind", pause, remind(500)),
            Job("expire", pause, expire(500)),
            Job("publish", 5, outlet.work, wait_for_events),
        )
        workers = [Worker(job, self._database, self._stopping, lambda worker, error: None) for job in jobs]
        try:
            for worker in workers:
                worker.start()
            yield
        finally:
            self._stopping.set()
            for worker in workers:
                worker.join(2)
                worker.cut_short()

    def _phase(self, connection: Connection, client: Client, factor: float, watch: Watch) -> Phase:
        due = self._due(connection, factor)
        _await(connection, _PENDING)
        row = connection.execute("select clock_timestamp() as at").fetchone()
        assert row is not None
        since = row["at"]
        self._receiver.received.clear()
        client.new_leads, client.new_activities, client.touched = [], [], set(due)
        load = Load(self._database, client, self._plan, factor, self._stopping)
        with watch(f"{factor:g}x", len(load.arrivals)) as advance:
            load.run(advance)
        return self._judged(connection, client, load, since)

    def _due(self, connection: Connection, factor: float) -> list[int]:
        """Leads whose reminder or end comes due in the course of the phase."""
        plan = self._plan
        leads = math.ceil(_DUE_SHARE * plan.baseline * factor * plan.seconds)
        given = {"users": self._users, "leads": leads, "seconds": plan.seconds}
        return [row["id"] for row in connection.execute(_DUE, given)]

    def _judged(self, connection: Connection, client: Client, load: Load, since: Any) -> Phase:
        left, written = _settled(connection, since)
        received = [event for event, _ in list(self._receiver.received)]
        got = Counter(event.event_id for event in received)
        activated = {event.lead_id for event in received if event.event_type == _ACTIVATED}
        untold = [lead for lead in client.new_leads if lead not in activated]
        reads = sorted(
            itertools.chain.from_iterable(
                load.answers[request.name].milliseconds for request in MIX if request.is_read
            )
        )
        asked = len(load.arrivals)
        # Counted by what came of them: one whose session ended without a word is an error, too.
        answered = sum(len(each.milliseconds) - each.errors for each in load.answers.values())
        measured: Mapping[str, float | None] = {
            "read_p95_ms": percentile(reads, 0.95),
            "lead_view_p95_ms": load.answers[LEAD_VIEW].percentile(0.95),
            "error_percent": 100 * (asked - answered) / asked if asked else None,
            "outbox_lag_seconds": max((row["lag"] for row in written), default=0.0),
            "events_lost": len({row["event_id"] for row in written} - got.keys()) + len(untold),
            "events_repeated": sum(count - 1 for count in got.values()),
            "rows_lost": _number(connection, _LOST_LEADS, client.new_leads)
            + _number(connection, _LOST_ACTIVITIES, client.new_activities),
            "differences": _number(connection, _DIFFERENCES, [*client.touched, *client.new_leads]),
            "work_left": left,
            "worker_failures": _number(connection, _FAILURES, since),
        }
        types = Counter(event.event_type for event in received)
        return Phase(
            factor=load.factor,
            rate=load.rate,
            reached=answered / load.took,
            seconds=self._plan.seconds,
            answers=load.answers,
            errors=dict(load.errors),
            events=len(written),
            reminders=types["lead.protection.reminder"],
            expiries=types["lead.protection.expired"],
            verdicts=[Verdict(bound, measured[bound.name]) for bound in self._plan.bounds],
        )


def _number(connection: Connection, query: Any, *given: Any) -> int:
    row = connection.execute(query, given).fetchone()
    assert row is not None
    return int(row["n"])


def _await(connection: Connection, query: Any) -> None:
    """Until the query says 0; whoever asks finds out whether it ever did."""
    until = time.monotonic() + _SETTLE_SECONDS
    while _number(connection, query) and time.monotonic() < until:
        time.sleep(0.05)


def _settled(connection: Connection, since: Any) -> tuple[int, list[dict[str, Any]]]:
    """Leads still due and the events written, once nothing is due or unpublished, or after a minute.

    All of one snapshot: a lead whose hold was released in the phase comes due whenever it may, also between
    two questions, and would be taken for work left over, and its event for a lost one.
    """
    until = time.monotonic() + _SETTLE_SECONDS
    while True:
        with connection.transaction():
            connection.execute("set transaction isolation level repeatable read")
            left = _number(connection, _WORK_LEFT)
            if left + _number(connection, _PENDING) == 0 or time.monotonic() >= until:
                return left, connection.execute(_WRITTEN, {"since": since}).fetchall()
        time.sleep(0.05)


class Load:
    """Arrivals planned beforehand, at random moments, which several sessions take up one after the other.

    When all sessions are busy the next arrival waits, as a request does in a queue: its time counts from the
    moment that was planned for it.
    """

    def __init__(
        self, database: Database, client: Client, plan: Plan, factor: float, stopping: threading.Event
    ) -> None:
        self.factor = factor
        self.rate = plan.baseline * factor
        self.answers = {request.name: Answers() for request in MIX}
        self.errors: Counter[str] = Counter()
        self.took = 0.0
        self._database = database
        self._client = client
        self._sessions = plan.sessions
        self._stopping = stopping
        self._numbers = itertools.count()  # taking one is atomic
        self._started = 0.0
        chance = random.Random(factor)  # noqa: S311  # the same load again
        self.arrivals = list(self._planned(chance, plan.seconds))

    def _planned(self, chance: random.Random, seconds: float) -> Iterator[tuple[float, Request]]:
        shares = [request.share for request in MIX]
        at = chance.expovariate(self.rate)
        while at < seconds:
            yield at, chance.choices(MIX, shares)[0]
            at += chance.expovariate(self.rate)

    def run(self, advance: Advance) -> None:
        """Until every arrival is answered or given up."""
        ready = threading.Barrier(self._sessions + 1, action=self._start)
        threads = [
            threading.Thread(target=self._session, args=(number, ready), daemon=True)
            for number in range(self._sessions)
        ]
        for thread in threads:
            thread.start()
        ready.wait()
        shown = 0
        while any(thread.is_alive() for thread in threads):
            time.sleep(0.05)
            answered = sum(len(answers.milliseconds) for answers in self.answers.values())
            advance(answered - shown)
            shown = answered
        self.took = time.perf_counter() - self._started
        for answers in self.answers.values():
            answers.milliseconds.sort()

    def _start(self) -> None:
        self._started = time.perf_counter()

    def _session(self, number: int, ready: threading.Barrier) -> None:
        chance = random.Random(number)  # noqa: S311
        connection = self._connected()
        ready.wait()
        try:
            while not self._stopping.is_set() and (turn := next(self._numbers)) < len(self.arrivals):
                at, request = self.arrivals[turn]
                planned = self._started + at
                time.sleep(max(planned - time.perf_counter(), 0))
                error: str | None = None
                if time.perf_counter() - planned > _PATIENCE_SECONDS:
                    error = "given up"
                elif (connection := connection or self._connected()) is None:
                    error = "no connection"
                else:
                    error = self._asked(request, connection, chance)
                    if connection.closed:
                        connection = None
                self._note(request, error, 1000 * (time.perf_counter() - planned))
        finally:
            if connection is not None:
                connection.close()

    def _connected(self) -> Connection | None:
        try:
            connection = self._database.connect("leadguard rehearse client")
            connection.execute(_LIMITS)
        except psycopg.Error:
            return None
        return connection

    def _asked(self, request: Request, connection: Connection, chance: random.Random) -> str | None:
        """What went wrong, if anything did."""
        try:
            request.ask(self._client, connection, chance)
        except psycopg.Error as error:
            return error.sqlstate or type(error).__name__
        return None

    def _note(self, request: Request, error: str | None, milliseconds: float) -> None:
        answers = self.answers[request.name]
        answers.milliseconds.append(milliseconds)
        if error is not None:
            with _COUNTING:
                answers.errors += 1
                self.errors[error] += 1


_COUNTING = threading.Lock()
