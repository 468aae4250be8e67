"""The outbox at work: how fast a backlog goes out, and how soon an event is received once it is committed."""

from __future__ import annotations

import itertools
import multiprocessing
import random
import statistics
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from multiprocessing.connection import Connection as Pipe

from bench.measure import Result
from jobs.database import Connection, Database
from jobs.publish import DEFAULT_LIMIT, Publisher, wait_for_events
from jobs.sinks.memory import Nowhere, Receiver

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
    select n.event_id, n.event_type, n.lead_id, n.user_id,
           replace(n.payload, n.former_id::text, n.event_id::text)::json
      from (
          select gen_random_uuid() as event_id, a.event_id as former_id, a.event_type, a.lead_id, a.user_id,
                 a.payload::text as payload
            from public.outbox_archive as a
           order by a.id
           limit %s
      ) as n
"""
_REGISTER = b"""
    insert into public.leads (user_id, company_name, city)
    values (%s, 'Hotel Zur Post', 'Potsdam')
    returning id
"""
_BARE_TABLE = """
    create table if not exists public.bench_bare (
        id bigint generated always as identity primary key, user_id integer
    )
"""
_BARE_NOTIFY = b"""
    with written as (insert into public.bench_bare (user_id) values (%s) returning id)
    select id, pg_notify('bench_bare', id::text) from written
"""


def measure_drain(url: str, events: int, publishers: int, bound: float | None) -> Result:
    """A backlog through the no-op sink, archive included: each round on events that nobody has touched."""
    rates = []
    with Database(url).session("leadguard bench") as connection:
        connection.execute("select public.make_outbox_partitions()")
        for number in range(_ROUNDS + 1):
            fill_outbox(connection, events)
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


def fill_outbox(connection: Connection, events: int) -> None:
    """A backlog of so many events, on a server that has nothing else to do."""
    if _pending(connection) == 0:
        connection.execute(_AGAIN if _archived(connection) else _BACKLOG, [events])
    assert _pending(connection) == events
    connection.execute("vacuum analyze public.outbox")
    connection.execute("checkpoint")


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

    From the moment the client sends its commit to the moment the sink is given the event. Beside it what
    the machine can do at that time: the same clients insert a row and NOTIFY, and a process listens.
    """
    with Database(url).session("leadguard bench") as connection:
        connection.execute(_BARE_TABLE)
    ours = _latencies(url, _REGISTER, _publish, rate, seconds)
    bare = _latencies(url, _BARE_NOTIFY, _listen, rate, seconds)
    results = []
    for name, part, bound in (("median", 0.5, MEDIAN_BOUND_MS), ("99th percentile", 0.99, P99_BOUND_MS)):
        times, others = ours[1], bare[1]
        measured, other = (values[int(part * len(values))] for values in (times, others))
        label = f"from commit to receipt at {ours[0]:.0f} events/s, {name}"
        shown = (times[0], times[-1], len(times))
        results.append(Result(label, "<", bound, measured, *shown, measured, other, "ms"))
    return results


def _latencies(
    url: str, query: bytes, receive: Callable[[str, Pipe], None], rate: int, seconds: float
) -> tuple[float, list[float]]:
    """The rate that was reached, and the milliseconds of each event, sorted."""
    ours, theirs = multiprocessing.get_context("spawn").Pipe()
    receiver = multiprocessing.get_context("spawn").Process(target=receive, args=(url, theirs))

    def write(seed: int) -> list[tuple[int, int]]:
        return _write(url, query, rate / _WRITERS, seconds, seed)

    receiver.start()
    try:
        ours.recv()  # it is ready
        started = time.perf_counter()
        with ThreadPoolExecutor(_WRITERS) as threads:
            committed = dict(itertools.chain.from_iterable(threads.map(write, range(_WRITERS))))
        elapsed = time.perf_counter() - started
        ours.send("stop")
        received = dict(ours.recv())
    finally:
        receiver.join(10)
        receiver.kill()
    missing = committed.keys() - received.keys()
    assert not missing, f"{len(missing)} events were not received"
    times = sorted((received[number] - at) / 1e6 for number, at in committed.items())
    return len(times) / elapsed, times


def _write(url: str, query: bytes, rate: float, seconds: float, seed: int) -> list[tuple[int, int]]:
    """Commits rows, so many a second on average: their ids, and when each was committed."""
    chance = random.Random(seed)
    written = []
    with Database(url).session("leadguard bench writer") as connection:
        connection.autocommit = False
        due = time.perf_counter()
        end = due + seconds
        while due < end:
            due += chance.expovariate(rate)
            time.sleep(max(due - time.perf_counter(), 0))
            row = connection.execute(query, [chance.randint(1, 500)], prepare=True).fetchone()
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
    pipe.send([(event.lead_id, at) for event, at in sink.received])


def _listen(url: str, pipe: Pipe) -> None:
    received = []
    with Database(url).session("leadguard bench listener") as connection:
        connection.execute("listen bench_bare")
        pipe.send("ready")
        while True:
            is_last = pipe.poll()
            for notification in connection.notifies(timeout=0.2):
                received.append((int(notification.payload), time.monotonic_ns()))
            if is_last:
                break
    pipe.send(received)
