"""The outbox at work: how fast a backlog goes out, and how soon an event is received once it is committed."""

from __future__ import annotations

import json
import multiprocessing
import random
import statistics
import time
from concurrent.futures import ThreadPoolExecutor
from multiprocessing.connection import Connection as Pipe

from bench.measure import Result
from jobs.database import Connection, Database
from jobs.publish import DEFAULT_LIMIT, Publisher, wait_for_events

DRAIN_BOUND = 40_000  # events a second
MEDIAN_BOUND_MS = 5.0
P99_BOUND_MS = 20.0
_ROUNDS = 5
_WRITERS = 2

_BACKLOG = """
    insert into public.leads (user_id, company_name, created_at)
    select 1 + n %% 500, 'Kantine ' || n, now() - interval '1 day' from generate_series(1, %s) as n
"""
# The same events once more, as others of their own: only what is in the outbox is measured.
_AGAIN = """
    insert into public.outbox (event_id, event_type, lead_id, user_id, payload)
    select gen_random_uuid(), a.event_type, a.lead_id, a.user_id, a.payload
      from public.outbox_archive as a
     order by a.id
     limit %s
"""
_REGISTER = """
    insert into public.leads (user_id, company_name, city)
    values (%s, 'Hotel Zur Post', 'Potsdam')
    returning id
"""


class Nowhere:
    """A sink that accepts everything at once, and proves it: what is left is our own work."""

    proves_delivery = True

    def send(self, payload: str) -> None:
        pass

    def flush(self) -> None:
        pass

    def close(self) -> None:
        pass


class Receiver(Nowhere):
    """Notes when each event arrives."""

    def __init__(self) -> None:
        self.received: list[tuple[str, int]] = []

    def send(self, payload: str) -> None:
        self.received.append((payload, time.monotonic_ns()))


def measure_drain(url: str, events: int, publishers: int, bound: float | None) -> Result:
    """A backlog through the no-op sink, archive included: each round on events that nobody has touched."""
    rates = []
    with Database(url).session("leadguard bench") as connection:
        connection.execute("select public.make_outbox_partitions()")
        for number in range(_ROUNDS + 1):
            if _pending(connection) == 0:
                connection.execute(_AGAIN if _archived(connection) else _BACKLOG, [events])
            assert _pending(connection) == events
            connection.execute("vacuum analyze public.outbox")
            connection.execute("checkpoint")
            with ThreadPoolExecutor(publishers) as threads:
                started = time.perf_counter()
                sent = sum(threads.map(lambda _: _drain(url), range(publishers)))
                seconds = time.perf_counter() - started
            assert (sent, _pending(connection)) == (events, 0)
            if number:  # the first warms up
                rates.append(events / seconds)
    who = "one publisher" if publishers == 1 else f"{publishers} publishers"
    rate = statistics.median(rates)
    name = f"drain of {events:,} events, archive included, {who}"
    return Result(
        name, ">=", bound, rate, min(rates), max(rates), len(rates), 1000 * events / rate, None, "events/s"
    )


def _drain(url: str) -> int:
    with Database(url).session("leadguard bench") as connection:
        return Publisher(connection, Nowhere(), DEFAULT_LIMIT).drain().acknowledged


def _pending(connection: Connection) -> int:
    return _count(connection, "select count(*) as n from public.outbox")


def _archived(connection: Connection) -> int:
    return _count(connection, "select count(*) as n from (select from public.outbox_archive limit 1) as a")


def _count(connection: Connection, query: str) -> int:
    row = connection.execute(query.encode()).fetchone()
    assert row is not None
    return int(row["n"])


def measure_latency(url: str, rate: int, seconds: float) -> list[Result]:
    """Leads registered at random moments by two clients; a publisher that waits, in a process of its own.

    From the moment the client sends its commit to the moment the sink is given the event.
    """
    ours, theirs = multiprocessing.get_context("spawn").Pipe()
    publisher = multiprocessing.get_context("spawn").Process(target=_publish, args=(url, theirs))

    def register(seed: int) -> list[tuple[int, int]]:
        return _register(url, rate / _WRITERS, seconds, seed)

    publisher.start()
    try:
        ours.recv()  # it is ready
        started = time.perf_counter()
        with ThreadPoolExecutor(_WRITERS) as threads:
            written = list(
                threads.map(lambda i: _register(url, rate / _WRITERS, seconds, i), range(_WRITERS))
            )
        elapsed = time.perf_counter() - started
        ours.send("stop")
        received = dict(ours.recv())
    finally:
        publisher.join(10)
        publisher.kill()
    committed = {lead: at for part in written for lead, at in part}
    missing = committed.keys() - received.keys()
    assert not missing, f"{len(missing)} events were not received"
    times = sorted((received[lead] - at) / 1e6 for lead, at in committed.items())
    median, p99 = statistics.median(times), times[int(0.99 * len(times))]
    name = f"from commit to receipt at {len(times) / elapsed:.0f} events/s"
    shown = (times[0], times[-1], len(times))
    return [
        Result(f"{name}, median", "<", MEDIAN_BOUND_MS, median, *shown, median, None, "ms"),
        Result(f"{name}, 99th percentile", "<", P99_BOUND_MS, p99, *shown, p99, None, "ms"),
    ]


def _register(url: str, rate: float, seconds: float, seed: int) -> list[tuple[int, int]]:
    """Registers leads, so many a second on average: their ids, and when each was committed."""
    chance = random.Random(seed)
    written = []
    with Database(url).session("leadguard bench writer") as connection:
        connection.autocommit = False
        due = time.perf_counter()
        end = due + seconds
        while due < end:
            due += chance.expovariate(rate)
            time.sleep(max(due - time.perf_counter(), 0))
            row = connection.execute(_REGISTER, [chance.randint(1, 500)], prepare=True).fetchone()
            assert row is not None
            at = time.monotonic_ns()
            connection.commit()
            written.append((row["id"], at))
    return written


def _publish(url: str, pipe: Pipe) -> None:
    sink = Receiver()
    with Database(url).session("leadguard bench publisher") as connection:
        publisher = Publisher(connection, sink, DEFAULT_LIMIT)
        publisher.drain()
        sink.received.clear()
        pipe.send("ready")
        while not pipe.poll():
            wait_for_events(connection, 0.5)
            publisher.drain()
        publisher.drain()
    pipe.send([(json.loads(payload)["lead_id"], at) for payload, at in sink.received])
