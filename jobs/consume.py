"""`leadguard consume`: hands the events of other modules from a broker to the database, each applied once."""

import heapq
import itertools
import json
import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass
from types import FrameType

import click
import psycopg

from jobs.console import App, common_options, pass_app
from jobs.database import Connection, Database, failed_run
from jobs.errors import LeadguardError, describe, from_database
from jobs.exits import Exit
from jobs.logs import logger
from jobs.sources import Message, Source, SourceFailed, open_source
from jobs.worker import Backoff, Runs

_HANDLE = b"select public.handle_module_event(%s::jsonb) as outcome"
_SET_ASIDE = b"select public.record_inbox_dead_letter(%s, %s, %s, %s) as id"
# Messages in one look at the broker.
_MOST = 100
# A look that finds nothing lasts so long; a stop waits for it.
_LOOK_SECONDS = 1.0
# An activity may come before its lead, by another way: it is tried again so many times, each after twice as
# long as the last, half a minute in all.
_UNKNOWN_LEAD = "LP001"
_TRIES = 7
_FIRST_WAIT_SECONDS = 0.5
# Deadlocks and the like, of several consumers or with writers, at once.
_CONFLICTS = 5

# By the class of a SQLSTATE: the event itself is wrong, whoever applies it and whenever.
_ABOUT_THE_EVENT = ("LP", "22", "23", "54", "P0")
_CONFLICT_STATES = ("40001", "40P01", "55P03")


@dataclass
class Consumed:
    """What was done with the messages that came."""

    applied: int = 0
    duplicates: int = 0
    dead_lettered: int = 0


class Consumer:
    """Takes messages in their order and acknowledges each after its commit."""

    def __init__(self, connection: Connection, source: Source, is_stopping: Callable[[], bool]) -> None:
        self.did = Consumed()
        self._connection = connection
        self._source = source
        self._is_stopping = is_stopping
        self._numbers = itertools.count()
        self._waiting: list[tuple[float, int, int, Message]] = []  # when, number, tries so far, message

    def look(self) -> bool:
        """Handles what is there, and what has waited long enough: whether there was or still is something."""
        now = time.monotonic()
        due = []
        while self._waiting and self._waiting[0][0] <= now:
            due.append(heapq.heappop(self._waiting))
        patience = _LOOK_SECONDS
        if self._waiting:
            patience = min(patience, self._waiting[0][0] - now)
        hand = [(tries, message) for _, _, tries, message in due]
        hand += [(0, m) for m in self._source.receive(_MOST, 0 if due else patience)]
        had_some = bool(hand)
        try:
            while hand and not self._is_stopping():
                tries, message = hand[0]
                self._handle(message, tries)
                hand.pop(0)
        finally:
            self._give_back([message for _, message in hand])
        return had_some or bool(self._waiting)

    def end(self) -> None:
        """Gives back what still waits."""
        self._give_back([message for _, _, _, message in self._waiting])
        self._waiting.clear()

    def _give_back(self, messages: Sequence[Message]) -> None:
        try:
            for message in messages:
                message.give_back()
        except SourceFailed:
            pass  # the broker knows by itself what was not acknowledged

    def _handle(self, message: Message, tries: int) -> None:
        try:
            outcome = self._apply(message.body)
        except _Wrong as wrong:
            if wrong.code == _UNKNOWN_LEAD and tries + 1 < _TRIES:
                when = time.monotonic() + _FIRST_WAIT_SECONDS * 2**tries
                heapq.heappush(self._waiting, (when, next(self._numbers), tries + 1, message))
                return
            self._set_aside(message.body, wrong)
            message.acknowledge()
            return
        message.acknowledge()
        if outcome == "APPLIED":
            self.did.applied += 1
        else:
            self.did.duplicates += 1

    def _apply(self, body: bytes) -> str:
        try:
            text = event_text(body)
        except ValueError as error:
            raise _Wrong("LP017", f"no text in UTF-8: {error}") from error
        for attempt in itertools.count(1):
            try:
                row = self._connection.execute(_HANDLE, [text]).fetchone()
            except psycopg.Error as error:
                state = error.sqlstate or ""
                if state in _CONFLICT_STATES and attempt < _CONFLICTS:
                    continue
                # Without a code: the driver refuses a NUL, which no text of PostgreSQL holds.
                if state.startswith(_ABOUT_THE_EVENT) or (not state and isinstance(error, psycopg.DataError)):
                    raise _Wrong(error.sqlstate, describe(error)) from error
                raise
            assert row is not None
            return str(row["outcome"])
        raise AssertionError

    def _set_aside(self, body: bytes, wrong: "_Wrong") -> None:
        reason = wrong.reason.replace("\0", " ")[:1000]
        row = self._connection.execute(_SET_ASIDE, [self._source.shown, body, wrong.code, reason]).fetchone()
        self.did.dead_lettered += 1
        assert row is not None
        logger("consume").warning("dead letter %s: %s", row["id"], reason)


class _Wrong(Exception):
    """The event cannot be applied, and why."""

    def __init__(self, code: str | None, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason


def event_text(body: bytes) -> str:
    """The event as JSON; of a CloudEvent in structured mode its data."""
    text = body.decode("utf-8-sig")
    if '"specversion"' in text:
        try:
            envelope = json.loads(text)
        except (ValueError, RecursionError):
            return text  # the database says what is wrong with it
        if (
            isinstance(envelope, dict)
            and "specversion" in envelope
            and isinstance(envelope.get("data"), dict)
        ):
            return json.dumps(envelope["data"])
    return text


def drain(connection: Connection, source: Source, is_stopping: Callable[[], bool]) -> Consumed:
    """One pass: until nothing is there and nothing waits."""
    consumer = Consumer(connection, source, is_stopping)
    try:
        while not is_stopping() and consumer.look():
            pass
    finally:
        consumer.end()
    return consumer.did


def consume(database: Database, url: str, stopping: threading.Event) -> None:
    """Until told to stop; what fails, database or broker, is tried again after a pause that grows."""
    log = logger("consume")
    backoff = Backoff()
    runs = Runs("consume")
    told: str | None = None
    while not stopping.is_set():
        began = time.monotonic()
        try:
            with database.session("leadguard consume") as connection, closing(open_source(url)) as source:
                if told is not None:
                    log.info("works again")
                told = None
                _work(connection, source, stopping, runs, backoff)
            continue
        except SourceFailed as error:
            problem: LeadguardError = error
        except psycopg.Error as error:
            problem = from_database(error)
            if problem.code is Exit.NOT_MIGRATED or (error.sqlstate or "").startswith("42"):
                raise problem from error
        if problem.message != told:
            log.warning(problem.message)
            told = problem.message
            _record_failure(database, runs, problem, time.monotonic() - began)
        stopping.wait(backoff.next())


def _work(
    connection: Connection, source: Source, stopping: threading.Event, runs: Runs, backoff: Backoff
) -> None:
    consumer = Consumer(connection, source, stopping.is_set)
    try:
        while not stopping.is_set():
            began = time.monotonic()
            consumer.look()
            backoff.reset()
            runs.add(asdict(consumer.did), time.monotonic() - began)
            consumer.did = Consumed()
            runs.record_if_due(connection)
    finally:
        consumer.end()
        if not connection.closed:
            try:
                runs.record(connection)
            except psycopg.Error:
                pass  # what ended the work is the news


def _record_failure(database: Database, runs: Runs, problem: LeadguardError, seconds: float) -> None:
    try:
        with database.session("leadguard consume") as connection:
            runs.failed(connection, problem.message, seconds)
    except psycopg.Error:
        pass  # without a database nothing can be recorded in it


@contextmanager
def _stopped_by_signals(stopping: threading.Event) -> Iterator[None]:
    def stop(_number: int, _frame: FrameType | None) -> None:
        if stopping.is_set():
            raise KeyboardInterrupt
        stopping.set()

    previous = {number: signal.signal(number, stop) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)


@click.command("consume")
@click.option(
    "--source",
    "url",
    envvar="LEADGUARD_SOURCE",
    required=True,
    metavar="URL",
    help="Where from (also LEADGUARD_SOURCE): nats://HOST:4222/STREAM or amqp://USER:PASSWORD@HOST:5672/QUEUE.",
)
@click.option("--once", is_flag=True, help="End when nothing is left (one pass, for cron).")
@common_options
@pass_app
def command(app: App, url: str, once: bool) -> int:
    """Apply the events that other modules send through a broker, until SIGTERM.

    Takes lead.created and lead.activity.created as handle_module_event does, plain or as a CloudEvent
    in structured mode; each event_id is applied once, from any number of these processes. A message is
    acknowledged after its commit. What is refused becomes a dead letter with its reason (leadguard
    inbox); an activity of a lead that nobody knows is tried for half a minute first. While the database
    or the broker is away nothing is lost, and it is tried again after a pause that grows to half a
    minute.

    \b
    nats:// takes ?durable=NAME (default leadguard; the consumer is made when it is missing),
    ?subject=FILTER, and what the sink takes: servers, creds, tls, cafile, certfile, keyfile.
    amqp:// and amqps:// take ?vhost=, ?prefetch=, ?heartbeat=, ?cafile=, ?certfile=, ?keyfile=.
    tls:// is nats:// with TLS; cafile, or SSL_CERT_FILE, names a private authority.

    \b
    Exit codes: 0 done, or stopped as told, 1 the database refuses this user, 2 wrong usage,
    3 unreachable and 6 the broker failed (both only with --once), 7 not migrated.

    \b
    Examples:
      leadguard consume --source 'nats://nats.example:4222/module02?subject=module02.leads.>'
      leadguard consume --source amqp://leadguard:secret@rabbitmq.example:5672/module02-events
      leadguard consume --source amqp://127.0.0.1/module02-events --once --json
    """
    app.start_logging()
    stopping = threading.Event()
    with _stopped_by_signals(stopping):
        if not once:
            consume(app.database, url, stopping)
            return Exit.DONE
        with app.database.session("leadguard consume") as connection:
            with failed_run(connection, "consume", SourceFailed):
                source = open_source(url)
            with closing(source), app.database.job_run(connection, "consume") as detail:
                did = drain(connection, source, stopping.is_set)
                detail.update(asdict(did))
    told = f"applied {did.applied}, known already {did.duplicates}, dead letters {did.dead_lettered}"
    app.report(told, **asdict(did))
    return Exit.DONE
