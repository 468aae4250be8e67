"""`leadguard exporter`: what it says, and that it says it in time whatever the database does."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import threading
import time
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

import psycopg
import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_text

from jobs.cluster import Cluster
from jobs.migrate import migrate
from tests.conftest import Connect
from tests.daemon import eventually
from tests.daemon import start as start_command

LOGIN = "figures_of_the_test"
OPENMETRICS = "application/openmetrics-text; version=1.0.0"
IN_TIME = 1.0


class Exporter:
    """A running `leadguard exporter`; a context manager that ends it."""

    def __init__(self, url: str, *arguments: str) -> None:
        self.process = start_command(url, "exporter", "--listen", "127.0.0.1:0", *arguments)
        self.log: list[str] = []
        assert self.process.stderr is not None
        first = self.process.stderr.readline()
        found = re.search(r"port (\d+)", first)
        assert found, first
        self.address = f"http://127.0.0.1:{found[1]}"
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stderr is not None
        self.log.extend(self.process.stderr)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        assert self.process.wait(10) == 0
        self._reader.join(5)

    def ask(self, path: str = "/metrics", accept: str = "") -> tuple[str, str]:
        """The content type and the body."""
        request = urllib.request.Request(self.address + path, headers={"Accept": accept} if accept else {})  # noqa: S310  # our own address
        with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310
            assert answer.status == 200
            return answer.headers["Content-Type"], answer.read().decode()

    def figures(self) -> dict[str, float]:
        """A scrape: every sample by its name and labels."""
        return samples(self.ask()[1])

    def figures_read(self) -> dict[str, float]:
        """The next scrape for which the database was read in time: on a busy machine not every one is."""
        found: dict[str, float] = eventually(
            lambda: (now := self.figures())["leadguard_up"] == 1 and now, "the database is read in time"
        )
        return found

    def timed(self) -> tuple[float, dict[str, float]]:
        """A scrape, and how long it took."""
        began = time.monotonic()
        found = self.figures()
        return time.monotonic() - began, found


def samples(text: str) -> dict[str, float]:
    return {
        sample.name + str(sorted(sample.labels.items())) if sample.labels else sample.name: sample.value
        for family in parse_text(text)
        for sample in family.samples
    }


def as_exporter(url: str) -> str:
    """The URL for a login that may what lead_exporter may."""
    with psycopg.connect(url, autocommit=True) as connection:
        if not connection.execute("select 1 from pg_roles where rolname = %s", [LOGIN]).fetchone():
            connection.execute(f"create role {LOGIN} login in role lead_exporter")
    return psycopg.conninfo.make_conninfo(url, user=LOGIN)


@pytest.fixture
def database(fresh_database: str, connect: Connect) -> psycopg.Connection[Any]:
    """A database with a lead or two, counted."""
    connection = connect(fresh_database)
    connection.execute(
        "insert into leads (user_id, created_at)"
        " select 7, now() - (n - 0.5) * interval '1 day' from generate_series(1, 70) as n"
    )
    connection.execute("select public.refresh_figures()")
    return connection


@contextmanager
def exporter(database: psycopg.Connection[Any], *arguments: str) -> Iterator[Exporter]:
    with Exporter(as_exporter(database.info.dsn), "--keep", "0", *arguments) as running:
        yield running


def backends(database: psycopg.Connection[Any]) -> int:
    row = database.execute(
        "select count(*) from pg_stat_activity where application_name = 'leadguard exporter'"
    ).fetchone()
    assert row is not None
    return int(row[0])


def test_figures_are_served_as_text_and_as_openmetrics(database: psycopg.Connection[Any]) -> None:
    """Labels as hostile as people can type them; the role may read the views and nothing else."""
    evil = 'Käse "extra"\\n\\ \n} 5\n# HELP x'
    database.execute(
        "insert into sample_requests (user_id, product_type, urgency) values (7, %s, %s)", [evil, "ä" * 50]
    )
    database.execute("insert into sales_users (user_id, team) values (7, %s)", ["Team \x7f\U0001f980"])
    database.execute("select public.refresh_figures()")
    with exporter(database) as running:
        kind, text = running.ask()
        assert kind.startswith("text/plain; version=")
        found = samples(text)
        assert found["leadguard_up"] == 1
        assert found["lead_protection_state[('state', 'PROTECTED')]"] == 60
        assert found["lead_protection_state[('state', 'REMINDER_DUE')]"] == 10
        kind, text = running.ask(accept=OPENMETRICS)
        assert kind.startswith("application/openmetrics-text; version=1.0.0")
        families = {family.name: family for family in parse_openmetrics(text)}  # type: ignore[no-untyped-call]
        [sample] = families["sample_request"].samples
        assert sample.labels == {"product_type": 'Käse "extra"\\n\\  } 5 # HELP x', "urgency": "ä" * 50}
        assert families["lead_reminder_delay_seconds"].type == "histogram"
        assert families["leadguard_build"].type == "info"
        assert not families["leadguard_metric_view_broken"].samples
        assert not [name for name in families if families[name].documentation == ""]
        for family in families.values():
            for sample in family.samples:
                assert not set(sample.labels) & {"user_id", "lead_id"}
        _, body = running.ask("/health")
        assert '"database": "reachable"' in body


def test_promtool_has_nothing_against_it(database: psycopg.Connection[Any]) -> None:
    with exporter(database) as running:
        done = subprocess.run(
            ["promtool", "check", "metrics"],
            input=running.ask()[1],
            capture_output=True,
            text=True,
            check=False,
        )
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


def test_a_view_is_a_metric_and_a_broken_one_stands_alone(database: psycopg.Connection[Any]) -> None:
    with exporter(database) as running:
        running.figures()
        database.execute("create view metric_new_total as select 'x'::text as what, 3::float8 as value")
        database.execute("create view metric_new_zero as select 1::float8 / (select 0) as value")
        database.execute(
            "create view metric_new_double as"
            " select 'x'::text as a, n::float8 as value from generate_series(1, 2) as n"
        )
        database.execute("create view metric_new_odd as select 1 as le, 2::float8 as value")
        database.execute(
            "create view metric_new_many as"
            " select n::text as a, 0::float8 as value from generate_series(1, 5001) as n"
        )
        database.execute("create view metric_secret as select 1::float8 as value")
        for name in ("new_total", "new_zero", "new_double", "new_odd", "new_many"):
            database.execute(f"grant select on metric_{name} to lead_exporter")
        for _ in range(3):
            found = running.figures_read()
            assert found["new_total[('what', 'x')]"] == 3
            assert found["lead_protection_state[('state', 'PROTECTED')]"] == 60
            assert sorted(name for name in found if name.startswith("leadguard_metric_view_broken")) == [
                f"leadguard_metric_view_broken[('view', 'metric_new_{name}')]"
                for name in ("double", "many", "odd", "zero")
            ]
            assert "secret" not in found
        database.execute("create or replace view metric_new_zero as select 7::float8 as value")
        assert running.figures_read()["new_zero"] == 7


def test_a_lock_is_told_in_time_and_forgotten_at_once(
    database: psycopg.Connection[Any], connect: Connect
) -> None:
    """Whoever alters a table waits for nobody who scrapes, nor the other way round."""
    locker = connect(database.info.dsn, autocommit=False)
    with exporter(database) as running:
        assert running.figures()["leadguard_up"] == 1
        for table in ("outbox", "internal.figure_gauges", "pg_catalog.pg_class"):
            locker.execute(f"lock table {table} in access exclusive mode")
            took, found = running.timed()
            assert found["leadguard_up"] == 0
            assert took < IN_TIME
            locker.rollback()
            took, found = running.timed()
            assert found["leadguard_up"] == 1
            assert found["lead_protection_state[('state', 'PROTECTED')]"] == 60
            assert "outbox_pending" in found
    assert sum("locked or slow" in line for line in running.log) == 3


def test_what_is_slow_is_told_in_time(database: psycopg.Connection[Any]) -> None:
    database.execute("create view metric_slow as select 1::float8 as value from pg_sleep(20)")
    database.execute("grant select on metric_slow to lead_exporter")
    with exporter(database) as running:
        for _ in range(3):
            took, found = running.timed()
            assert took < IN_TIME
            assert found["leadguard_up"] == 0
            assert found["leadguard_metric_view_broken[('view', 'metric_slow')]"] == 1
            assert found["lead_protection_state[('state', 'PROTECTED')]"] == 60  # what could be read is told
        database.execute("drop view metric_slow")
        assert running.figures()["leadguard_up"] == 1


def test_many_scrapes_at_once_are_one(database: psycopg.Connection[Any]) -> None:
    database.execute("create view metric_slow as select 1::float8 as value from pg_sleep(0.1)")
    database.execute("grant select on metric_slow to lead_exporter")
    most = 0
    with exporter(database) as running, ThreadPoolExecutor(20) as pool:
        asked = [pool.submit(running.timed) for _ in range(60)]
        while not all(one.done() for one in asked):
            most = max(most, backends(database))
        for one in asked:
            _, found = one.result()
            assert found["leadguard_up"] == 1
        assert 1 <= most <= 2
        # Those that wait for a lock too.
        with psycopg.connect(database.info.dsn) as locker:
            locker.execute("lock table outbox in access exclusive mode")
            asked = [pool.submit(running.timed) for _ in range(20)]
            while not all(one.done() for one in asked):
                most = max(most, backends(database))
            assert {one.result()[1]["leadguard_up"] for one in asked} == {0}
        assert most <= 2


def test_a_server_that_dies_hangs_and_comes_back() -> None:
    with Cluster(in_memory=True) as cluster:
        url = cluster.create_database("figures")
        migrate(url)
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute("select public.refresh_figures()")
        as_it = as_exporter(url)
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(
                "checkpoint"
            )  # a crash of a server that does not wait for its disk takes roles along
        with Exporter(as_it, "--keep", "0") as running:
            assert running.figures()["leadguard_up"] == 1
            cluster.restart("immediate")
            assert running.figures()["leadguard_up"] == 1  # the kept connection is dead, and nobody sees it
            cluster.stop("immediate")
            took, found = running.timed()
            assert (found["leadguard_up"], took < IN_TIME) == (0, True)
            assert set(found) - {"leadguard_up"} == {
                name for name in found if name.startswith("leadguard_build_info")
            }
            assert '"unreachable"' in running.ask("/health")[1]
            cluster.start()
            assert running.figures()["leadguard_up"] == 1
            # Frozen, as a machine without disk is: it takes connections and says nothing.
            pids = processes_of(cluster)
            for pid in pids:
                os.kill(pid, signal.SIGSTOP)
            try:
                for _ in range(4):
                    took, found = running.timed()
                    assert (found["leadguard_up"], took < IN_TIME + 0.2) == (0, True)
            finally:
                for pid in pids:
                    os.kill(pid, signal.SIGCONT)
            eventually(lambda: running.figures()["leadguard_up"] == 1, "it reads again")
            with psycopg.connect(url, autocommit=True) as connection:
                eventually(lambda: backends(connection) <= 2, "what was given up is gone")
    assert len([line for line in running.log if "warning" in line]) <= 4


def processes_of(cluster: Cluster) -> list[int]:
    head = int((cluster.data / "postmaster.pid").read_text().split("\n", 1)[0])
    children = Path(f"/proc/{head}/task/{head}/children").read_text().split()
    return [head, *map(int, children)]


def test_no_data_and_no_schema(empty_database: str, cluster: Cluster) -> None:
    with Exporter(empty_database, "--keep", "0") as running:
        assert running.figures()["leadguard_up"] == 1  # it answers, and has nothing to say
        migrate(empty_database)
        found = running.figures()
        assert found["leadguard_snapshot_age_seconds"] < 60  # migrate has counted
        assert found["lead_reminders_pending"] == found["lead_holds_overrun"] == found["outbox_pending"] == 0


def test_a_port_in_use_is_a_wrong_usage(database: psycopg.Connection[Any]) -> None:
    with exporter(database) as running:
        port = running.address.rpartition(":")[2]
        process = start_command(database.info.dsn, "exporter", "--listen", f"127.0.0.1:{port}")
        _, error = process.communicate(timeout=30)
    assert process.returncode == 2
    assert "cannot listen" in error
