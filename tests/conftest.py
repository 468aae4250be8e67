"""Fixtures: one real server for the session, and databases cloned from one that was migrated once.

LEADGUARD_PG=local|embedded chooses the server (`./run test --pg …` sets it).
"""

from __future__ import annotations

import gc
import itertools
import os
from collections.abc import Callable, Generator, Iterator
from typing import Any

import psycopg
import pytest

from jobs.cluster import Cluster, find_installation
from jobs.migrate import migrate
from tests.brokers import nats_server, rabbitmq, rabbitmq_of_session, receiver

__all__ = ["nats_server", "rabbitmq", "rabbitmq_of_session", "receiver"]  # fixtures that live elsewhere

TEMPLATE = "leadguard_template"
# Those that take long begin, so that no process ends up alone with one.
LONGEST = (
    "differential",
    "mail",
    "amqp",
    "webhook",
    "kills",
    "importer",
    "faults",
    "sink_kills",
    "cluster",
    "run",
)

Connect = Callable[..., psycopg.Connection[Any]]

_numbers = itertools.count(1)


def pytest_report_header() -> str:
    kind: Any = os.environ.get("LEADGUARD_PG") or "auto"
    installation = find_installation(kind)
    return f"PostgreSQL: {installation.major} in {installation.bin}"


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """What the tests import stays: the collector of garbage does not walk through it, now or later."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    names = [f"test_{name}" for name in LONGEST]
    items.sort(key=lambda item: names.index(item.path.stem) if item.path.stem in names else len(names))


class Server(Cluster):
    """Makes and drops its databases in one session: to start one costs as much as to drop a database."""

    session: psycopg.Connection[Any]

    def _execute(self, statement: Any) -> None:
        self.session.execute(statement)


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    """The session's server."""
    with (
        # What is in memory must not grow to the gigabyte of log that is usual.
        Server(in_memory=True, settings={"max_wal_size": "128MB"}) as running,
        psycopg.connect(running.url, autocommit=True) as running.session,
    ):
        yield running


@pytest.fixture(scope="session")
def template(cluster: Cluster) -> str:
    """The name of a database as `leadguard migrate` leaves it. Nobody may connect to it: it is cloned."""
    migrate(cluster.create_database(TEMPLATE))
    return TEMPLATE


@pytest.fixture(scope="session")
def database_url(cluster: Cluster, template: str) -> str:
    """One migrated database for the session, for tests that leave nothing behind."""
    return cluster.create_database("leadguard_session", template)


@pytest.fixture
def fresh_database(cluster: Cluster, template: str) -> Iterator[str]:
    """A migrated database of the test's own."""
    name = f"leadguard_fresh_{next(_numbers)}"
    yield cluster.create_database(name, template)
    cluster.drop_database(name)


@pytest.fixture
def empty_database(cluster: Cluster) -> Iterator[str]:
    """A database that nobody has migrated yet."""
    name = f"leadguard_empty_{next(_numbers)}"
    yield cluster.create_database(name)
    cluster.drop_database(name)


@pytest.fixture
def connect() -> Iterator[Connect]:
    """Connect to a URL (in autocommit unless told otherwise); closed when the test ends."""
    opened: list[psycopg.Connection[Any]] = []

    def open_connection(url: str, *, autocommit: bool = True, **options: Any) -> psycopg.Connection[Any]:
        connection = psycopg.connect(url, autocommit=autocommit, **options)
        opened.append(connection)
        return connection

    yield open_connection
    for connection in opened:
        connection.close()
