"""`leadguard publish`: hands the events of the outbox to a sink, at least once and in order."""

import os
import secrets
import socket
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field

import click
import psycopg
from psycopg.rows import tuple_row

from jobs.console import App, Command, common_options, pass_app, to_json
from jobs.database import Connection, failed_run
from jobs.sinks import VARIABLE, Event, Refusal, Sink, SinkFailed, open_sink
from jobs.worker import Backoff

# The database chooses its own batch; the lease must outlast writing and acknowledging one.
_CLAIM = b"""
    select id, event_id::text, event_type, lead_id, payload::text, token
      from public.claim_outbox_events(%s, %s)
"""
_CLAIM_BEHIND = b"""
    select id, event_id::text, event_type, lead_id, payload::text
      from public.claim_types_behind(%s, %s)
"""
_ACKNOWLEDGE = b"select public.acknowledge_outbox_events(%s, %s::bigint[], %s)"
_REFUSE = b"""
    select state, count(*)
      from public.refuse_outbox_events(%s, %s::bigint[], %s::text[], %s::double precision[], %s::boolean[])
     group by state
"""
_PUT_OFF = b"select public.put_off_outbox_event(%s, %s, %s, %s)"
# Of the lease's minute so much may pass before the last wave of a batch begins; it ends well within it.
_LAST_WAVE_AFTER_SECONDS = 20.0
# Events that were written but whose leads are busy are acknowledged in a later round: wait this
# long between rounds that bring nothing forward, and give up after so many.
_PAUSE_SECONDS = 0.1
_PATIENCE = 50
# Partitions of the archive are made months ahead; a process that lives long looks now and then.
_PARTITIONS_EVERY_SECONDS = 3600.0
# Events in one claim: beyond this a drain gains little, and the longer a batch, the longer others wait.
DEFAULT_LIMIT = 2000
# A sink that takes none of a batch is offered so many before it counts as down, and one of each type that is
# not among them: it may be one type of event, or one import's, that it never takes, and what stands behind
# them would wait for nothing.
_FURTHER_LIMIT = 20_000
# While writers are at work nobody can be told that a publisher sleeps: it looks again after this long, and
# when that has gone on for a while, after twice as long, and so on to the limit.
_FIRST_NAP_SECONDS = 0.002
_EAGER_SECONDS = 0.1
_LONGEST_NAP_SECONDS = 0.5


@dataclass
class Published:
    """What one pass did."""

    sent: int = 0
    acknowledged: int = 0
    left_unacknowledged: int = 0
    refused: int = 0
    dead_lettered: int = 0
    by_type: dict[str, int] = field(default_factory=dict)


def new_holder() -> str:
    """A name for who leases; two containers may share their host name and their process ids."""
    return f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(4)}"


class Doubts:
    """Which events were refused alone, for reasons that speak of the sink: is it the sink, or the event?

    It is the sink, until others have been accepted in between. A publisher after the other may share this.
    """

    def __init__(self) -> None:
        self._failed: set[int] = set()  # since anything was accepted
        self._suspects: set[int] = set()  # others were accepted since
        self._backoff = Backoff(first=1.0)

    def accepted(self, events: Sequence[Event]) -> None:
        """The sink works."""
        if self._failed or self._suspects:
            self._suspects |= self._failed
            self._suspects.difference_update(event.id for event in events)
            self._failed = set()
        self._backoff.reset()

    def is_at_fault(self, event_id: int) -> bool:
        """Whether others have been accepted since this event was refused alone; from now on anew."""
        found = event_id in self._suspects
        self._suspects.discard(event_id)
        self._failed.add(event_id)
        return found

    def pause(self, event_id: int) -> float | None:
        """How long this event is to stand aside, so that others show what is the matter; None: they have."""
        return self._backoff.next() if self._failed <= {event_id} else None


class Publisher:
    """Publishes pass by pass; remembers between them what went out and is not acknowledged yet.

    The connection is in autocommit mode: no transaction is open while the sink is at work. A pass ends
    early, between two batches, when `is_stopping`; each batch that is through is `progressed`.
    """

    def __init__(
        self,
        connection: Connection,
        sink: Sink,
        limit: int,
        holder: str = "",
        is_stopping: Callable[[], bool] = lambda: False,
        progressed: Callable[[], None] = lambda: None,
        doubts: Doubts | None = None,
    ) -> None:
        self._connection = connection
        self._sink = sink
        self._limit = limit
        self._holder = holder or new_holder()
        self._is_stopping = is_stopping
        self._progressed = progressed
        self._doubts = doubts or Doubts()
        self._written: set[int] = set()  # ids that went out and are not known to be acknowledged
        self._partitions_made_at: float | None = None

    def drain(self) -> Published:
        """Claims, delivers, acknowledges, until nothing is pending that nobody else is at."""
        result = Published()
        fruitless = 0
        token: int | None = None
        self._make_partitions()
        while fruitless < _PATIENCE and not self._is_stopping():
            token, batch = self._claim(self._limit)
            if token is None:
                break  # a claim that brings nothing gives back what we had
            try:
                try:
                    done = self._publish(token, batch, result)
                except SinkFailed as failure:
                    token, batch = self._further(batch, failure)
                    done = self._publish(token, batch, result)
            except BaseException:
                # Whoever publishes next need not wait until our lease has run out.
                self._release(token)
                raise
            self._progressed()
            fruitless = 0 if done else fruitless + 1
            if not done:
                self._release(token)
                time.sleep(_PAUSE_SECONDS)
        if token is not None:
            self._release(token)
        result.left_unacknowledged = max(result.sent - result.acknowledged, 0)
        return result

    def _make_partitions(self) -> None:
        """Before the events that need them."""
        now = time.monotonic()
        if self._partitions_made_at is None or now - self._partitions_made_at > _PARTITIONS_EVERY_SECONDS:
            self._connection.execute("select public.make_outbox_partitions()")
            self._partitions_made_at = now

    def _further(self, batch: list[Event], failure: SinkFailed) -> tuple[int, list[Event]]:
        """A batch that reaches beyond one of which nothing was taken; the failure, if there is no more."""
        if not failure.doubted or failure.retry_seconds is not None:
            raise failure
        token, further = self._claim(max(_FURTHER_LIMIT, self._limit))
        if token is None:
            raise failure
        further = sorted(further + self._behind(token, further))
        if {event.id for event in further} <= {event.id for event in batch}:
            self._release(token)
            raise failure
        return token, further

    def _behind(self, token: int, batch: list[Event]) -> list[Event]:
        """One event of each type that is not in the batch, where its lead lets it go."""
        cursor = self._connection.cursor(row_factory=tuple_row, binary=True)
        found: list[Event] = []
        types = {event.event_type for event in batch}
        while rows := cursor.execute(_CLAIM_BEHIND, [token, list(types)]).fetchall():
            found += [Event._make(row) for row in rows]
            types |= {event.event_type for event in found}
        return found

    def _claim(self, limit: int) -> tuple[int | None, list[Event]]:
        cursor = self._connection.cursor(row_factory=tuple_row, binary=True)
        rows = cursor.execute(_CLAIM, [self._holder, limit], prepare=True).fetchall()
        return (rows[0][5] if rows else None), [Event._make(row[:5]) for row in rows]

    def _publish(self, token: int, batch: list[Event], result: Published) -> int:
        """Delivers what has not gone out yet; how many events of the batch are done with or put off."""
        started, sent = time.monotonic(), result.sent
        fresh = [event for event in batch if event.id not in self._written] if self._written else batch
        refused: dict[int, Refusal] = {}
        blocked: set[int | None] = set()  # leads whose later events wait for a refused one
        try:
            for wave in [fresh] if self._sink.keeps_order else waves(fresh):
                events = [event for event in wave if event.lead_id not in blocked] if blocked else wave
                refusals = self._deliver(events, result) if events else {}
                if refusals:
                    refused.update(refusals)
                    blocked.update(event.lead_id for event in events if event.id in refusals)
                    blocked.discard(None)
                if time.monotonic() - started > _LAST_WAVE_AFTER_SECONDS or self._is_stopping():
                    break  # what is left is claimed anew
        except SinkFailed as failure:
            refused.update(failure.refused)
            if not self._blames_the_event(failure, has_taken_others=result.sent > sent):
                self._settle(token, batch, refused, result)
                self._put_off(token, failure)
                raise
            refused.update(failure.doubted)
        return self._settle(token, batch, refused, result)

    def _blames_the_event(self, failure: SinkFailed, *, has_taken_others: bool) -> bool:
        """Whether it is no sink that is down, but one event that it never takes."""
        if len(failure.doubted) != 1:
            return False
        (event_id,) = failure.doubted
        return has_taken_others or self._doubts.is_at_fault(event_id)

    def _put_off(self, token: int, failure: SinkFailed) -> None:
        """An event that failed alone makes room for the next one, which shows whose fault it is."""
        for event_id, refusal in failure.doubted.items() if len(failure.doubted) == 1 else ():
            if (seconds := self._doubts.pause(event_id)) is not None:
                self._connection.execute(_PUT_OFF, [token, event_id, _storable(refusal.reason), seconds])
                failure.retry_seconds = seconds

    def _deliver(self, events: Sequence[Event], result: Published) -> Mapping[int, Refusal]:
        refusals: Mapping[int, Refusal] = {}
        accepted = events
        try:
            refusals = self._sink.deliver(events)
            if refusals:
                accepted = [event for event in events if event.id not in refusals]
        except SinkFailed as failure:
            accepted = [event for event in events if event.id in failure.accepted]
            raise
        except OSError as error:
            accepted = []
            raise SinkFailed(f"the sink failed: {error}") from error
        finally:
            self._note(accepted, result)
        return refusals

    def _note(self, accepted: Sequence[Event], result: Published) -> None:
        if accepted:
            self._doubts.accepted(accepted)
        self._written.update(event.id for event in accepted)
        result.sent += len(accepted)
        for event_type, count in Counter(event.event_type for event in accepted).items():
            result.by_type[event_type] = result.by_type.get(event_type, 0) + count

    def _settle(
        self, token: int, batch: list[Event], refused: Mapping[int, Refusal], result: Published
    ) -> int:
        """Acknowledges what was accepted, then puts off what was refused."""
        done = self._acknowledge(token, [e.id for e in batch if e.id in self._written], result)
        return done + (self._refuse(token, refused, result) if refused else 0)

    def _acknowledge(self, token: int, ids: list[int], result: Published) -> int:
        cursor = self._connection.cursor(row_factory=tuple_row, binary=True)
        row = cursor.execute(_ACKNOWLEDGE, [token, ids, self._sink.proves_delivery], prepare=True).fetchone()
        acknowledged = int(row[0]) if row else 0
        result.acknowledged += acknowledged
        if acknowledged == len(ids):
            self._written.difference_update(ids)
        return acknowledged

    def _refuse(self, token: int, refused: Mapping[int, Refusal], result: Published) -> int:
        refusals = list(refused.values())
        parameters = [
            token,
            list(refused),
            [_storable(refusal.reason) for refusal in refusals],
            [refusal.retry_after for refusal in refusals],
            [refusal.is_final for refusal in refusals],
        ]
        cursor = self._connection.cursor(row_factory=tuple_row)
        states: dict[str, int] = dict(cursor.execute(_REFUSE, parameters).fetchall())
        result.refused += len(refusals)
        result.dead_lettered += states.get("DEAD", 0)
        # A reminder that was withdrawn meanwhile is done with, too.
        return len(refusals)

    def _release(self, token: int) -> None:
        try:
            self._connection.execute("select public.release_outbox_claim(%s)", [token])
        except psycopg.Error:
            # Without a connection the lease simply runs out; the failure that led here is the news.
            pass


def _storable(reason: str) -> str:
    return reason.replace("\0", " ")


def waves(events: Sequence[Event]) -> list[list[Event]]:
    """The events in their order, no two of one lead together: each wave is through before the next begins."""
    found: list[list[Event]] = []
    seen: Counter[int] = Counter()
    for event in events:
        number = 0
        if event.lead_id is not None:
            number = seen[event.lead_id]
            seen[event.lead_id] += 1
        if number == len(found):
            found.append([])
        found[number].append(event)
    return found


def publish(connection: Connection, sink: Sink, limit: int) -> Published:
    """One pass: publishes until nothing is pending that nobody else is at."""
    return Publisher(connection, sink, limit).drain()


def wait_for_events(connection: Connection, seconds: float) -> bool:
    """Waits until there are events to claim (true), at most so many seconds (then false).

    The connection is in autocommit mode, and no transaction is open while it waits. Poll anyway: what
    another publisher has leased and leaves behind is announced by nobody.
    """
    started = time.monotonic()
    deadline = started + seconds
    nap = _FIRST_NAP_SECONDS
    connection.execute("listen leadguard_outbox")
    while True:
        # Calls that came while we were at work are no news; asking comes after, so that none is missed.
        for _ in connection.notifies(timeout=0):
            pass
        row = connection.execute("select public.announce_outbox_sleep() as answer").fetchone()
        answer = row["answer"] if row else None
        if answer == "PENDING":
            return True
        left = deadline - time.monotonic()
        if answer == "ASLEEP":
            try:
                return _called(connection, left)
            finally:
                # If the connection is lost, so is the announcement.
                if not connection.closed:
                    connection.execute("select public.end_outbox_sleep()")
        if left <= 0:
            return False
        if _called(connection, min(nap, left)):
            return True
        if time.monotonic() - started > _EAGER_SECONDS:
            nap = min(2 * nap, _LONGEST_NAP_SECONDS)


def _called(connection: Connection, seconds: float) -> bool:
    """Whether a NOTIFY comes within so many seconds."""
    return any(True for _ in connection.notifies(timeout=max(seconds, 0), stop_after=1))


def sink_option(what: str) -> Callable[[Command], Command]:
    """`--sink`: where events go."""
    return click.option(
        "--sink",
        "sink_url",
        envvar=VARIABLE,
        default="stdout:",
        show_default=True,
        metavar="URL",
        help=f"{what} (also {VARIABLE}).",
    )


def events_option(name: str) -> Callable[[Command], Command]:
    """How many events are taken at once."""
    return click.option(
        name,
        type=click.IntRange(1, 10_000),
        default=DEFAULT_LIMIT,
        show_default=True,
        help="Events in one claim.",
    )


@click.command("publish")
@sink_option("Where to: stdout:, file:PATH, notify:CHANNEL or a broker, see below")
@events_option("--limit")
@common_options
@pass_app
def command(app: App, sink_url: str, limit: int) -> None:
    """Publish what is pending in the outbox (one pass, for cron).

    One JSON object a line on stdout, or in the file (each batch is on the disk before it is
    acknowledged); the summary goes to stderr, so that stdout holds events only. notify: sends each
    event by PostgreSQL's NOTIFY; of one above 7,900 bytes only {"event_id": ...}, and the listener
    reads it from outbox or outbox_archive. These sinks prove nothing: a reminder counts as sent only
    where the setting reminder_proof is 'any'. With ?mode=structured behind it (stdout:?mode=structured) each
    event is a CloudEvent in structured mode: its attributes, and the event as its data.

    nats://[USER:PASSWORD@]HOST:4222/STREAM publishes to JetStream, to the subject STREAM.<event type>,
    and waits for its acknowledgements; event_id is its Nats-Msg-Id. Options: ?create=true makes a stream
    that is not there (replicas=1, window=600: seconds for which it knows an event_id), timeout=10,
    servers=HOST:PORT,..., creds=FILE, tls=true, cafile, certfile, keyfile; or NATS_USER, NATS_PASSWORD,
    NATS_CREDS, NATS_CA, NATS_CERT, NATS_KEY. One USER without a password is a token. tls:// is nats://
    with TLS.

    amqp://USER:PASSWORD@HOST:5672/EXCHANGE (amqps:// with TLS) publishes to a topic exchange of RabbitMQ,
    with the event type as routing key; accepted is what a queue has confirmed. Options: ?create=true
    declares the exchange, vhost=/, timeout=15, heartbeat=30, cafile, certfile, keyfile. An event that no
    queue takes is refused, if a queue takes others of the same call.

    https://... posts each event, signed after Standard Webhooks with the keys of LEADGUARD_WEBHOOK_SECRET
    (or what the file LEADGUARD_WEBHOOK_SECRET_FILE holds; the newest first), and takes a 2xx for an
    acceptance. 410 disables the sink until leadguard sinks enable; a Retry-After (up to a day) is kept
    to by every process, see leadguard sinks; redirects, proxies and cookies are not followed.
    Private addresses, and http:// to them, need LEADGUARD_WEBHOOK_ALLOW_PRIVATE=1.
    LEADGUARD_WEBHOOK_TIMEOUT (15 seconds) and LEADGUARD_WEBHOOK_IN_FLIGHT (32) are limits. Where a
    receiver takes a second for each, give a --limit of 500.

    Brokers and webhooks get the headers of CloudEvents; their ce-source is LEADGUARD_EVENT_SOURCE, or
    urn:leadguard.

    With TLS the server's certificate and name are always checked. SSL_CERT_FILE names a private
    authority, for webhooks and brokers; for one broker its option cafile does.

    A sink that is down fails the pass, and no event's attempt is counted, however long it lasts. It is
    down, too, when it takes none of the events it is given for a reason that speaks of the sink (no queue
    bound, HTTP 404, 408, 429, 5xx), nor any of those behind them; where only one was given, that one
    stands aside, so that the next shows whose fault it is. An event that is refused among others that are
    accepted, or for a reason of its own (HTTP 400, 413, 422), is tried again after 2 seconds, twice as
    long each time (setting outbox_retry_delay), and holds back later events of its own lead only; after 10
    attempts (outbox_max_attempts), or at once where no other attempt would help (too large), it is a dead
    letter: see leadguard outbox --help.

    Several may run at once: each takes other leads' events.

    \b
    Exit codes: 0 done, 1 the database refused, 3 unreachable,
    6 the sink failed (nothing is lost, the next pass goes on).

    \b
    Examples:
      leadguard publish
      leadguard publish --sink file:events.jsonl
      leadguard publish --sink notify:ffz_events
      leadguard publish | jq -r .event_type
    """
    database = app.database
    with database.session("leadguard publish") as connection:
        with failed_run(connection, "publish", SinkFailed):
            sink = open_sink(sink_url, database)
        try:
            with database.job_run(connection, "publish") as detail:
                result = publish(connection, sink, limit)
                detail.update(asdict(result), sink=sink_url.partition(":")[0])
        finally:
            sink.close()
    if app.json and not app.logs_json:
        app.remark(to_json(asdict(result)))
        return
    app.remark(f"published {result.sent} events", **asdict(result))
    if result.refused > 0:
        app.remark(
            f"{result.refused} were refused: they are tried again, {result.dead_lettered} of them became dead"
            " letters (leadguard outbox list --state dead)"
        )
    if result.left_unacknowledged > 0:
        app.remark(
            f"{result.left_unacknowledged} of them are not acknowledged yet (their leads are busy, or another"
            " publisher took over): the next pass repeats them"
        )
