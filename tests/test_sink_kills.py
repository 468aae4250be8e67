"""Publishers to a broker die at named and at random points: nothing is lost, made up or out of its order.

LEADGUARD_KILLS sets how many die per sink (`./run test --nightly`: more). The harness must catch a sink that
says it has what it has not, and one that mixes up the order.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.brokers import NatsServer
from tests.kills import Disorderly, File, Hasty, Stream, Target, kill_publishers, prove

Connect = Callable[..., psycopg.Connection[Any]]


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
    fresh_database: str, connect: Connect, target: Target
) -> None:
    prove(fresh_database, connect(fresh_database), target)


def test_a_sink_that_says_it_has_what_it_has_not_is_caught(
    fresh_database: str, connect: Connect, nats_server: NatsServer, seed: int
) -> None:
    target, among = Stream(nats_server), ["after ack", "mid-acknowledge", "mid-batch"]
    count = kill_publishers(fresh_database, connect(fresh_database), target, 18, seed, Hasty, among)
    assert count.lost > 0, count


def test_a_sink_that_mixes_up_the_order_is_caught(
    fresh_database: str, connect: Connect, tmp_path: Path, seed: int
) -> None:
    target = File(tmp_path / "events.jsonl")
    count = kill_publishers(fresh_database, connect(fresh_database), target, 5, seed, wrapper=Disorderly)
    assert count.out_of_order > 0, count
