"""`leadguard check`: ready is what is safe, whole and at work; what is not is told by name."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

import psycopg

from jobs.cluster import Cluster
from jobs.migrate import migrate
from tests.brokers import Receiver
from tests.house import House
from tests.shell import run

Connect = Callable[..., psycopg.Connection[Any]]


NOT_ASKED = ("exporter", "Prometheus targets", "rule health", "Grafana dashboards")


def findings(url: str, code: int, *arguments: str) -> dict[str, dict[str, str]]:
    found, out, error = run("check", "--json", *arguments, url=url)
    assert (found, error) == (code, "")
    report = json.loads(out)
    assert report["ready"] == (code == 0)
    assert sum(report["counts"].values()) == len(report["checks"])
    return {row["what"]: row for row in report["checks"]}


def test_a_safe_server_just_migrated_is_ready(receiver: Receiver) -> None:
    house = House(receiver)
    with Cluster(durable=True, in_memory=True) as cluster:
        url = cluster.create_database("ready")
        migrate(url)
        found = findings(url, 0)
        assert {found.pop(what)["status"] for what in NOT_ASKED} == {"WARN"}
        assert {row["status"] for row in found.values()} == {"OK", "WARN"}
        assert {row["what"] for row in found.values() if row["status"] == "WARN"} == {
            "job remind",
            "job publish",
            "job expire",
            "job breaches",
            "job maintain",
            "job refresh",
        }
        for command in ("remind", "publish", "expire", "breaches", "maintain", "refresh"):
            assert run(command, url=url)[0] == 0
        found = findings(url, 0)
        assert {found.pop(what)["what_to_do"] for what in NOT_ASKED} == {
            f"Say where it answers: --{name} URL." for name in ("exporter", "prometheus", "grafana")
        }
        assert {row["status"] for row in found.values()} == {"OK"}
        code, out, _ = run("check", url=url)
        assert code == 0
        assert re.search(r"\nready: \d+ OK, 4 WARN, 0 FAIL", out)
        # With --strict what nobody asked about has not passed.
        assert findings(url, 8, "--strict")["exporter"]["status"] == "WARN"
        assert re.search(r"\nnot ready: \d+ OK, 4 WARN, 0 FAIL", run("check", "--strict", url=url)[1])
        watchers = [
            word for name in ("exporter", "prometheus", "grafana") for word in (f"--{name}", house.url)
        ]
        assert {row["status"] for row in findings(url, 0, "--strict", *watchers).values()} == {"OK"}
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute("alter table leads disable trigger all")
            assert findings(url, 8)["triggers enabled"]["status"] == "FAIL"
            assert connection.execute("select count(*) from leads").fetchone() == (0,)


def test_a_server_that_may_lose_commits_is_not_ready(database_url: str) -> None:
    assert findings(database_url, 8)["nothing lost in a crash"]["status"] == "FAIL"
    out = run("check", url=database_url)[1]
    assert "not ready: " in out
    assert "→ Set fsync = on and restart." in out


def test_check_compares_the_program_with_what_was_migrated(fresh_database: str, connect: Connect) -> None:
    assert findings(fresh_database, 8)["program and database"]["status"] == "OK"
    connection = connect(fresh_database)
    connection.execute("update internal.recorded_shape set fingerprint = 'x' where kind = 'RELEASE'")
    row = findings(fresh_database, 8)["program and database"]
    assert row["status"] == "FAIL"
    assert "of another release" in row["evidence"]
    connection.execute("delete from internal._yoyo_migration where migration_id = '0001.baseline'")
    row = findings(fresh_database, 8)["program and database"]
    assert (row["status"], row["evidence"]) == ("FAIL", "to be applied: 0001.baseline")
    connection.execute(
        "insert into internal._yoyo_migration (migration_hash, migration_id) values ('h', '9999.future')"
    )
    assert "newer than this program" in findings(fresh_database, 8)["program and database"]["evidence"]


def test_a_database_that_was_not_migrated_cannot_be_checked(empty_database: str) -> None:
    code, out, error = run("check", url=empty_database)
    assert (code, out) == (7, "")
    assert "leadguard migrate" in error
