"""The demo: the whole main job in one go, on any day, leaving nothing behind."""

from __future__ import annotations

import fcntl
import os
import re
import signal
import sys
import time
from collections.abc import Callable, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest

from jobs.cluster import Cluster, stop_kept
from jobs.database import Database
from jobs.demo import DISPUTED, FILES, WRITTEN_ON, import_examples
from jobs.entities import ENTITIES
from tests import forked
from tests.forked import Process

ROOT = Path(__file__).resolve().parent.parent
Connect = Callable[..., psycopg.Connection[Any]]


def start(*arguments: str, url: str = "", program: Sequence[str] = ()) -> Process:
    environment = {name: value for name, value in os.environ.items() if name != "DATABASE_URL"}
    named = {"PYTHONPATH": str(ROOT), **({"DATABASE_URL": url} if url else {})}
    words = arguments if program else ("demo", *arguments)
    return forked.start(words, {**environment, **named}, program=program)


def databases(connection: psycopg.Connection[Any]) -> list[str]:
    rows = connection.execute("select datname from pg_database where datname like 'leadguard_demo_%'")
    return [row[0] for row in rows]


def abandoned() -> list[Path]:
    """Throw-away servers whose owner is gone. Others may run theirs at the same time: those are locked."""
    found = []
    for path in (*Path("/tmp").glob("leadguard-*"), *Path("/dev/shm").glob("leadguard-*")):
        try:
            handle = os.open(path, os.O_RDONLY)
        except FileNotFoundError:
            continue
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            continue
        finally:
            os.close(handle)
        if (path / "data").exists() and not (path / "kept").exists():
            found.append(path)
    return found


def test_the_demo_tells_the_story_twice_in_a_row_and_leaves_nothing_behind() -> None:
    for program in ((), (sys.executable, "-m", "jobs.demo")):
        started = time.monotonic()
        process = start(program=program)
        out, error = process.communicate(timeout=120)
        assert process.returncode == 0, error
        assert time.monotonic() - started < 60
        assert "Traceback" not in error
        for state in ("PROTECTED", "REMINDER_DUE", "GRACE", "EXPIRED", "CONVERTED"):
            assert re.search(rf"{state}\s*│\s*[1-9]", out), state
        for event in ("activated", "reactivated", "reminder", "expired", "ended"):
            assert re.search(rf"lead\.protection\.{event}\s*│\s*[1-9]", out), event
        assert re.search(r"leads\.csv: imported 60 of 67 leads, refused 7", out)
        assert "overlapping time" in out
        assert re.search(r"Lead \d+ \(Betriebskantine Glashütte\): PROTECTED, user 11's until", out)
    assert abandoned() == []


def test_on_a_server_of_its_own_choice_the_demo_makes_and_drops_a_database(
    cluster: Cluster, connect: Connect
) -> None:
    process = start(url=cluster.url)
    _, error = process.communicate(timeout=120)
    assert process.returncode == 0, error
    assert databases(connect(cluster.url)) == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_demo_cleans_up(number: signal.Signals, cluster: Cluster, connect: Connect) -> None:
    watcher = connect(cluster.url)
    process = start(url=cluster.url)
    deadline = time.monotonic() + 30
    while not databases(watcher):
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.01)
    process.send_signal(number)
    _, error = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "Traceback" not in error
    assert databases(watcher) == []


def test_a_demo_without_a_server_that_is_interrupted_removes_its_own() -> None:
    process = start()
    assert process.stdout
    for line in process.stdout:
        if "Migrate" in line:
            break
    process.send_signal(signal.SIGINT)
    _, error = process.communicate(timeout=60)
    assert process.returncode == 130, error
    assert abandoned() == []


def test_a_kept_demo_shows_the_databases_own_figures(connect: Connect) -> None:
    process = start("--keep")
    out, error = process.communicate(timeout=120)
    assert process.returncode == 0, error
    found = re.search(r"psql '(postgresql:\S+)'", out)
    assert found
    assert "./run stop" in out
    try:
        connection = connect(found[1])
        for state, leads in connection.execute(
            "select state, count(*) from v_user_lead_protection group by 1"
        ):
            assert re.search(rf"leads_by_state\s*│ {state}\s*│\s*{leads} │", out), state
        for kind, events in connection.execute("select event_type, count(*) from outbox_archive group by 1"):
            shown = re.findall(rf"{re.escape(kind)}\s*│\s*(\d+) │", out)
            assert sum(map(int, shown)) == events, kind
        reasons = dict(
            connection.execute(
                "select end_reason, count(*) from lead_protection_periods"
                " where recorded_at is not null group by 1"
            ).fetchall()
        )
        assert (
            f"recorded {sum(reasons.values())} expiries ({reasons['INACTIVITY']} ten days after a warning,"
            f" {reasons['BASE_TERM']} after six months)"
        ) in out
        # One partner acted in the grace, the other did not.
        assert re.search(r"is warned: GRACE, .*\n.*after a qualified call: PROTECTED", out)
        assert re.search(r"if nobody calls, in 11 days: EXPIRED", out)
        picture = re.search(r"The same as a picture: (\S+\.svg)", out)
        assert picture
        assert "Betriebskantine Glashütte" in Path(picture[1]).read_text("utf-8")
        runs = connection.execute("select job, outcome from job_runs order by id").fetchall()
        assert runs == [
            (job, "SUCCESS")
            for job in ("remind", "publish", "expire", "publish", "breaches", "publish", "refresh")
        ]
        assert connection.execute("select count(*) from verify_lead_protection()").fetchone() == (0,)
        connection.close()
    finally:
        host = re.search(r"host=([^&']+)", found[1])
        assert host
        assert stop_kept(Path(host[1])) == [Path(host[1])]


def test_the_examples_cover_what_can_be_imported() -> None:
    assert {file.entity for file in FILES} == {entity.name for entity in ENTITIES}


# Leap days, short months, both changes of the clock: on each of them the story must come out the same.
@pytest.mark.parametrize("days_ago", [0, 31, 97, 161, 228, 293, 327])
def test_the_examples_stand_in_every_state_whatever_the_day(
    days_ago: int, fresh_database: str, connect: Connect
) -> None:
    """The example data is moved to an earlier day, and judged as of that day."""
    for _ in import_examples(Database(fresh_database), WRITTEN_ON + timedelta(days=days_ago)):
        pass
    connection = connect(fresh_database)
    connection.execute("set timezone = 'Europe/Berlin'")
    at = f"now() - interval '{days_ago} days'"
    query = f"""
        select l.external_id, p.state, p.end_reason, p.clock_stopped_since is not null
          from user_lead_protection_at({at}) as p join leads as l on l.id = p.lead_id
         where l.external_id like 'FF-%'
    """  # noqa: S608  # a number of this test
    rows = connection.execute(query.encode()).fetchall()
    states = {external: (state, reason, held) for external, state, reason, held in rows}
    assert sum(held for _, _, held in states.values()) == 5
    tally: dict[tuple[str, str | None], int] = {}
    for state, reason, _ in states.values():
        tally[state, reason] = tally.get((state, reason), 0) + 1
    assert tally == {
        ("PROTECTED", None): 33,
        ("REMINDER_DUE", None): 7,
        ("GRACE", None): 5,
        ("EXPIRED", "INACTIVITY"): 6,
        ("EXPIRED", "BASE_TERM"): 5,
        ("CONVERTED", "CONVERTED"): 5,
    }
    assert states[DISPUTED][0] == "PROTECTED"
