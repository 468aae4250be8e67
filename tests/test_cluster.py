"""The throw-away server: it starts, it crashes and recovers when told to, and it always goes away."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import psycopg
import pytest

from jobs.cluster import Cluster, ClusterError, _is_server, find_installation, server_pid

ROOT = Path(__file__).resolve().parent.parent

# Prints where the server lives as soon as that is decided, then does `action` in the block.
OWNER = """
import os, signal, sys, time
from jobs.cluster import Cluster

signal.signal(signal.SIGHUP, signal.SIG_DFL)  # the tests may run under nohup, which all they start inherits

class Talking(Cluster):
    def _make_directory(self):
        super()._make_directory()
        print(self.directory, flush=True)

with Talking(in_memory={in_memory}) as cluster:
    print("ready", flush=True)
    {action}
"""


def start_owner(action: str, in_memory: bool = True) -> tuple[subprocess.Popen[str], Path]:
    """Start a process that owns a cluster; return it, and the cluster's directory before initdb begins."""
    owner = subprocess.Popen(
        [sys.executable, "-c", OWNER.format(action=action, in_memory=in_memory)],
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    )
    assert owner.stdout is not None
    return owner, Path(owner.stdout.readline().strip())


def wait_ready(owner: subprocess.Popen[str]) -> None:
    assert owner.stdout is not None
    assert owner.stdout.readline() == "ready\n"


def assert_gone(directory: Path, pid: int | None) -> None:
    assert not directory.exists()
    if pid is not None:
        assert not _is_server(pid, directory)


def test_databases_are_created_cloned_and_dropped(cluster: Cluster) -> None:
    name = 'odd "name'
    with psycopg.connect(cluster.create_database(name)) as connection:
        connection.execute("create table probe as select 42 as answer")
    with psycopg.connect(cluster.create_database("its clone", template=name)) as clone:
        assert clone.execute("select answer from probe").fetchone() == (42,)
    connected = psycopg.connect(cluster.database_url(name))
    cluster.drop_database(name)
    with pytest.raises(psycopg.OperationalError):
        connected.execute("select 1")
    cluster.drop_database(name)
    with pytest.raises(psycopg.OperationalError, match="does not exist"):
        psycopg.connect(cluster.database_url(name))


def test_the_server_keeps_to_its_socket_and_speaks_utf8(cluster: Cluster) -> None:
    with psycopg.connect(cluster.url) as connection:
        row = connection.execute(
            "select current_setting('listen_addresses'), current_setting('server_encoding'), upper('ä')"
        ).fetchone()
    assert row is not None
    assert row[:2] == ("", "UTF8")
    assert len(str(cluster.socket_dir)) < 60


def test_it_survives_a_crash_when_restarted() -> None:
    with Cluster(durable=True, settings={"max_connections": "17"}) as cluster:
        with psycopg.connect(cluster.url, autocommit=True) as connection:
            connection.execute("create table probe as select 42 as answer")
            assert connection.execute("show fsync").fetchone() == ("on",)
            assert connection.execute("show max_connections").fetchone() == ("17",)
        cluster.kill(signal.SIGKILL)
        cluster.restart()
        with psycopg.connect(cluster.url) as connection:
            assert connection.execute("select answer from probe").fetchone() == (42,)
        cluster.restart("immediate")
        with psycopg.connect(cluster.url) as connection:
            assert connection.execute("select answer from probe").fetchone() == (42,)


def test_an_exception_in_the_block_removes_it() -> None:
    pids = []
    cluster = Cluster(in_memory=True)

    def fail_inside() -> None:
        with cluster:
            pids.append(server_pid(cluster.directory))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail_inside()
    assert pids[0] is not None
    assert_gone(cluster.directory, pids[0])


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_removes_it(number: signal.Signals) -> None:
    owner, directory = start_owner("time.sleep(60)")
    wait_ready(owner)
    pid = server_pid(directory)
    assert pid is not None
    owner.send_signal(number)
    assert owner.wait(timeout=30) != 0
    assert_gone(directory, pid)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_during_initdb_removes_it(number: signal.Signals) -> None:
    owner, directory = start_owner("time.sleep(60)")
    time.sleep(0.1)
    owner.send_signal(number)
    assert owner.wait(timeout=30) != 0
    assert_gone(directory, None)


@pytest.mark.parametrize("in_memory", [False, True])
def test_the_next_start_removes_what_a_sigkill_left(in_memory: bool) -> None:
    owner, directory = start_owner("time.sleep(60)", in_memory)
    wait_ready(owner)
    pid = server_pid(directory)
    assert pid is not None
    owner.kill()
    owner.wait()
    assert directory.exists()
    with Cluster(in_memory=True) as another:
        assert_gone(directory, pid)
        assert another.directory.exists()


def test_the_next_start_leaves_a_living_one_alone() -> None:
    with Cluster(in_memory=True) as living:
        with Cluster(in_memory=True):
            pass
        with psycopg.connect(living.url) as connection:
            assert connection.execute("select 1").fetchone() == (1,)


def test_a_kept_one_stays_until_it_is_stopped() -> None:
    owner, directory = start_owner("cluster.keep()")
    wait_ready(owner)
    assert owner.wait(timeout=30) == 0
    pid = server_pid(directory)
    assert pid is not None
    with Cluster(in_memory=True):
        assert server_pid(directory) == pid
    stop = [sys.executable, "-m", "jobs.cluster", "stop", str(directory)]
    stopped = subprocess.run(stop, cwd=ROOT, capture_output=True, text=True, check=True)
    assert str(directory) in stopped.stdout
    assert_gone(directory, pid)


def test_a_missing_version_is_named() -> None:
    with pytest.raises(ClusterError, match="PostgreSQL 14"):
        find_installation(version=14)
    with pytest.raises(ClusterError, match="auto, local or embedded"):
        find_installation("remote")  # type: ignore[arg-type]
