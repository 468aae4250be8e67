"""Publishers that die by `kill -9` under writers, whatever the sink: the harness, and what it counts.

A new sink joins with a Target: its URL, and what the other side has, in the order in which it has it.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import signal
import threading
import time
from collections import Counter, defaultdict, deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from multiprocessing.connection import wait
from pathlib import Path
from typing import Any, Protocol
from unittest import mock

import nats
import psycopg
from psycopg.conninfo import make_conninfo

from jobs import publish
from jobs.database import Database
from jobs.sinks import Event, Refusal, Sink, open_sink
from tests.brokers import NatsServer
from tests.daemon import eventually
from tests.forked import CONTEXT

KILLS = int(os.environ.get("LEADGUARD_KILLS", "50"))
# Where a publisher dies: each is its own next step, or a moment within it.
POINTS = ("connect", "after claim", "after send", "after ack", "mid-acknowledge", "mid-batch")
WRITERS = 2
# How long a publisher may take to come there.
_PATIENCE = 1.0


class Target(Protocol):
    """The other side of a sink."""

    url: str

    def delivered(self) -> list[str]:
        """The payloads that arrived, in their order, repetitions included."""


class Stream:
    """JetStream, with a dedup window so short that repetitions arrive."""

    def __init__(self, server: NatsServer, window: float = 0.1) -> None:
        self._server = server
        self.url = f"{server.url}/leads?create=true&window={window}"

    def delivered(self) -> list[str]:
        return asyncio.run(self._read())

    async def _read(self) -> list[str]:
        client = await nats.connect(self._server.url)
        try:
            context = client.jetstream()
            count = (await context.stream_info("leads")).state.messages
            reader = await context.subscribe("leads.>", ordered_consumer=True)
            return [(await reader.next_msg(timeout=20)).data.decode() for _ in range(count)]
        finally:
            await client.close()


class File:
    """Lines in a file."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.url = f"file:{path}"

    def delivered(self) -> list[str]:
        return self._path.read_text("utf-8").splitlines()


# --- sinks that are slow or wrong on purpose --------------------------------------------------------------


class Slow:
    """A sink far away: it hesitates where a kill hurts most, between written and acknowledged."""

    def __init__(self, sink: Sink) -> None:
        self._sink = sink
        self.proves_delivery = sink.proves_delivery
        self.keeps_order = sink.keeps_order

    def deliver(self, events: Sequence[Event]) -> Mapping[int, Refusal]:
        refused = self._sink.deliver(events)
        time.sleep(0.01)
        return refused

    def close(self) -> None:
        self._sink.close()


class Hasty(Slow):
    """A sink that says it has everything and delivers it twenty calls later: what it holds dies with it."""

    def __init__(self, sink: Sink) -> None:
        super().__init__(sink)
        self._held: deque[Sequence[Event]] = deque()

    def deliver(self, events: Sequence[Event]) -> Mapping[int, Refusal]:
        self._held.append(events)
        return self._sink.deliver(self._held.popleft()) if len(self._held) > 20 else {}

    def close(self) -> None:
        for events in self._held:
            self._sink.deliver(events)
        super().close()


class Disorderly(Slow):
    """A sink that takes a call's events in the wrong order."""

    def deliver(self, events: Sequence[Event]) -> Mapping[int, Refusal]:
        for event in reversed(events):
            self._sink.deliver([event])
        return {}


# --- those that write -------------------------------------------------------------------------------------


class Writer(threading.Thread):
    """Module 02 and operations: registers, calls, holds, hands over, changes its mind."""

    def __init__(self, url: str, seed: int) -> None:
        super().__init__(daemon=True)
        self._url = url
        self._random = random.Random(seed)
        self._over = threading.Event()
        self._written = self._wanted = 0

    def run(self) -> None:
        leads: list[int] = []
        with psycopg.connect(self._url, autocommit=True) as connection:
            # What is written beyond what is wanted is only more to publish, by those who should be dying.
            while not self._over.wait(0.002 if self._written < self._wanted else 0.03):
                self._written += 1
                try:
                    with connection.transaction():
                        self._act(connection, leads)
                        if self._random.random() < 0.1:
                            raise psycopg.Rollback
                except psycopg.DatabaseError:
                    pass  # an expired lead, a hold that is over: what people try

    def _act(self, connection: psycopg.Connection[Any], leads: list[int]) -> None:
        action = self._random.random()
        if action < 0.5 or not leads:
            age = self._random.choice(["0 days", "65 days", "65 days", "65 days", "7 months"])
            row = connection.execute(
                "insert into public.leads (user_id, company_name, created_at)"
                " values (7, 'Kantine', now() - %s::interval) returning id",
                [age],
            ).fetchone()
            assert row is not None
            leads.append(row[0])
            return
        lead = self._random.choice(leads[-200:])
        if action < 0.7:
            call = (
                "insert into public.lead_activities (lead_id, user_id, activity_type)"
                " select id, user_id, 'QUALIFIED_CALL' from public.leads where id = %s"
            )
            connection.execute(call, [lead])
        elif action < 0.8:
            connection.execute("call public.create_lead_hold(%s, 7, 'price list owed')", [lead])
        elif action < 0.9:
            connection.execute("call public.release_lead_hold(%s, 7)", [lead])
        else:
            connection.execute("update public.leads set user_id = 15 - user_id where id = %s", [lead])

    def want(self, transactions: int) -> None:
        """Asks for so many more, as fast as they come."""
        self._wanted += transactions

    def end(self) -> None:
        self._over.set()
        self.join(60)


class HotWriter(Writer):
    """Hands few leads to and fro, so that a batch has many events of each; some commits take their time."""

    def _act(self, connection: psycopg.Connection[Any], leads: list[int]) -> None:
        if len(leads) < 5 or self._random.random() < 0.2:
            super()._act(connection, leads)
        else:
            lead = self._random.choice(leads[:5])
            connection.execute("update public.leads set user_id = 15 - user_id where id = %s", [lead])
        if self._random.random() < 0.1:
            time.sleep(self._random.uniform(0, 0.05))


# --- those that die ---------------------------------------------------------------------------------------


def _die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _die_soon(seconds: float) -> None:
    threading.Timer(seconds, _die).start()


class _Doomed:
    """A sink whose publisher dies at a named point of the call in hand."""

    def __init__(self, sink: Sink, point: str, calls: int, seconds: float) -> None:
        self._sink = sink
        self._point = point
        self._calls = calls
        self._seconds = seconds
        self.proves_delivery = sink.proves_delivery
        self.keeps_order = sink.keeps_order

    def deliver(self, events: Sequence[Event]) -> Mapping[int, Refusal]:
        self._calls -= 1
        if self._point == "mid-batch" and self._calls < 0:
            _die()
        if self._point == "after send" and self._calls <= 0:
            _die_soon(self._seconds)
        refused = self._sink.deliver(events)
        if self._point == "after ack" and self._calls <= 0:
            _die()
        return refused

    def close(self) -> None:
        self._sink.close()


def victim(
    url: str,
    sink_url: str,
    limit: int,
    point: str,
    wrapper: type[Slow] | None,
    seed: int,
    variables: Mapping[str, str],
) -> None:
    """Publishes until it is killed; at a named point it kills itself."""
    os.environ.update(variables)
    chance = random.Random(seed)
    calls, seconds = chance.randint(1, 4), chance.uniform(0, 0.004)
    database = Database(url)
    if point == "connect":
        _die_soon(chance.uniform(0, 0.02))
    sink = open_sink(sink_url, database)
    if wrapper is not None:
        sink = wrapper(sink)
    sink = _Doomed(sink, point, calls, seconds)
    claim, acknowledge = publish.Publisher._claim, publish.Publisher._acknowledge

    def claimed(publisher: publish.Publisher, limit: int) -> tuple[int | None, list[Event]]:
        found = claim(publisher, limit)
        if point == "after claim" and found[1]:
            _die()
        return found

    def acknowledged(
        publisher: publish.Publisher, token: int, ids: list[int], result: publish.Published
    ) -> int:
        if point == "mid-acknowledge":
            _die_soon(seconds)
        return acknowledge(publisher, token, ids, result)

    with (
        mock.patch.object(publish.Publisher, "_claim", claimed),
        mock.patch.object(publish.Publisher, "_acknowledge", acknowledged),
        database.session("leadguard victim") as connection,
    ):
        publisher = publish.Publisher(connection, sink, limit)
        while True:
            publisher.drain()
            publish.wait_for_events(connection, 1)


# --- what is counted --------------------------------------------------------------------------------------


@dataclass
class Count:
    """What arrived, against what was committed."""

    killed: Counter[str] = field(default_factory=Counter)
    events: int = 0
    repeated: int = 0
    lost: int = 0
    phantom: int = 0
    out_of_order: int = 0

    @property
    def faults(self) -> tuple[int, int, int]:
        return self.lost, self.phantom, self.out_of_order


def compare(connection: psycopg.Connection[Any], delivered: list[str], count: Count) -> None:
    """Each event's first delivery is what a consumer acts on."""
    archived = {
        str(identity): number
        for identity, number in connection.execute("select event_id, id from public.outbox_archive")
    }
    seen: set[str] = set()
    newest: dict[int, int] = defaultdict(int)
    for event in map(json.loads, delivered):
        if event["event_id"] in seen:
            count.repeated += 1
            continue
        seen.add(event["event_id"])
        number = archived.get(event["event_id"], 0)
        count.out_of_order += number < newest[event["lead_id"]]
        newest[event["lead_id"]] = max(number, newest[event["lead_id"]])
    count.events = len(archived)
    count.lost = len(archived.keys() - seen)
    count.phantom = len(seen - archived.keys())


def kill_publishers(
    url: str,
    connection: psycopg.Connection[Any],
    target: Target,
    kills: int,
    seed: int,
    wrapper: type[Slow] | None = None,
    among: Sequence[str] = ("random", *POINTS),
) -> Count:
    """One, two or four publishers at once die until so many have; then one lives, and all is counted.

    Meanwhile another database of the server has a transaction that never ends.
    """
    chance = random.Random(seed)
    count = Count()
    points: list[str] = []
    writers = [HotWriter(url, seed + number) for number in range(WRITERS)]
    idle = psycopg.connect(make_conninfo(url, dbname="postgres"))
    idle.execute("select pg_current_xact_id()")
    for writer in writers:
        writer.start()
    try:
        deadline = time.monotonic() + 90 + kills
        # On a slow machine some never come to their point: until each has had its victim.
        while count.killed.total() < kills or not count.killed.keys() >= set(among):
            assert time.monotonic() < deadline, f"only {count.killed} could be killed"
            at_once = chance.choice([1, 2, 4])
            while len(points) < at_once:  # each point in its turn, in another order each time
                points += chance.sample(among, k=len(among))
            for writer in writers:
                writer.want(10 * at_once)
            _round(url, connection, target, points[:at_once], chance, wrapper, count)
            del points[:at_once]
    finally:
        for writer in writers:
            writer.end()
        idle.close()
    _finish(url, connection, target, wrapper)
    compare(connection, target.delivered(), count)
    return count


def prove(url: str, connection: psycopg.Connection[Any], target: Target) -> None:
    """What every sink that proves delivery is held to, however its publishers die."""
    seed = random.SystemRandom().randrange(10**6)
    count = kill_publishers(url, connection, target, KILLS, seed)
    print(count)
    assert set(count.killed) == {"random", *POINTS}, (count, seed)
    assert count.events > 5 * KILLS, (count, seed)
    assert count.repeated > 0, f"nobody was killed between sent and acknowledged: {count}, {seed}"
    assert count.faults == (0, 0, 0), (count, seed)


def _round(
    url: str,
    connection: psycopg.Connection[Any],
    target: Target,
    points: list[str],
    chance: random.Random,
    wrapper: type[Slow] | None,
    count: Count,
) -> None:
    victims = []
    for point in points:
        # Children come from a server that was started before the test set anything.
        variables = {name: value for name, value in os.environ.items() if name.startswith("LEADGUARD_")}
        limit = chance.choice([5, 25, 500])
        arguments = (url, target.url, limit, point, wrapper, chance.randrange(10**6), variables)
        process = CONTEXT.Process(target=victim, name=point, args=arguments, daemon=True)
        process.start()
        victims.append(process)
    ends = {p: time.monotonic() + chance.uniform(0.05, 0.3) for p in victims if p.name == "random"}
    while victims:
        # Whoever dies first is seen to first: another may be waiting for the lead it died with.
        patience = time.monotonic() + _PATIENCE
        next_to_go = min(victims, key=lambda process: ends.get(process, patience))
        left = ends.get(next_to_go, patience) - time.monotonic()
        dead = wait([process.sentinel for process in victims], max(0, left))
        for process in [each for each in victims if each.sentinel in dead] or [next_to_go]:
            victims.remove(process)
            # One that had nothing to do never came to its point.
            name = process.name if process.sentinel in dead else "random"
            process.kill()
            process.join()
            count.killed[name] += process.exitcode == -signal.SIGKILL
            # Its minute passes: whoever comes next may take over.
            connection.execute(
                "update internal.outbox_leases set leased_until = '-infinity' where holder like %s",
                [f"%:{process.pid}:%"],
            )


def _finish(
    url: str, connection: psycopg.Connection[Any], target: Target, wrapper: type[Slow] | None
) -> None:
    """What the dead have left is published by one who lives."""
    others = (
        "select count(*) from pg_stat_activity"
        " where datname = current_database() and application_name = 'leadguard victim'"
    )
    eventually(lambda: connection.execute(others).fetchone() == (0,), "the server has noticed their deaths")
    connection.execute("update internal.outbox_leases set leased_until = '-infinity'")
    database = Database(url)
    with database.session("leadguard publish") as session:
        sink = open_sink(target.url, database)
        sink = wrapper(sink) if wrapper else sink
        publish.publish(session, sink, 500)
        sink.close()
    assert connection.execute("select count(*) from public.outbox").fetchone() == (0,)
