"""Publishers to a broker die at named and at random points: nothing is lost, made up or out of its order.

LEADGUARD_KILLS sets how many die per sink (`./run test --nightly`: more). The harness must catch a sink that
says it has what it has not, and one that mixes up the order.
"""

from __future__ import annotations

import asyncio
import os
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nats
import psycopg
import pytest

from tests.brokers import NatsServer
from tests.kills import POINTS, Disorderly, Hasty, Target, kill_publishers

KILLS = int(os.environ.get("LEADGUARD_KILLS", "50"))

Connect = Callable[..., psycopg.Connection[Any]]


class Stream:
    """JetStream, with a dedup window so short that repetitions arrive."""

    def __init__(self, server: NatsServer) -> None:
        self._server = server
        self.url = f"{server.url}/leads?create=true&window=0.1"

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


@pytest.fixture(params=["nats", "file"])
def target(request: pytest.FixtureRequest, tmp_path: Path) -> Target:
    """The sinks that this file kills publishers of; another one joins here."""
    if request.param == "nats":
        return Stream(request.getfixturevalue("nats_server"))
    return File(tmp_path / "events.jsonl")


@pytest.fixture
def seed() -> int:
    """Another one each time; it stands in the report of a failure."""
    return random.SystemRandom().randrange(10**6)


def test_killed_publishers_lose_nothing_and_keep_each_leads_order(
    fresh_database: str, connect: Connect, target: Target, seed: int
) -> None:
    count = kill_publishers(fresh_database, connect(fresh_database), target, KILLS, seed)
    print(count)
    assert set(count.killed) == {"random", *POINTS}
    assert count.events > 5 * KILLS
    assert count.repeated > 0, "nobody was killed between sent and acknowledged"
    assert count.faults == (0, 0, 0), (count, seed)


def test_a_sink_that_says_it_has_what_it_has_not_is_caught(
    fresh_database: str, connect: Connect, nats_server: NatsServer, seed: int
) -> None:
    target, among = Stream(nats_server), ["random"]
    count = kill_publishers(fresh_database, connect(fresh_database), target, 15, seed, Hasty, among)
    assert count.lost > 0, count


def test_a_sink_that_mixes_up_the_order_is_caught(
    fresh_database: str, connect: Connect, tmp_path: Path, seed: int
) -> None:
    target = File(tmp_path / "events.jsonl")
    count = kill_publishers(fresh_database, connect(fresh_database), target, 5, seed, wrapper=Disorderly)
    assert count.out_of_order > 0, count
