"""`leadguard run`: every worker in one process, its health, its log, how it stops."""

from __future__ import annotations

import json
import os
import signal
import socket
import struct
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import psycopg
import pytest

from jobs.worker import Backoff, Runs
from tests.daemon import QUICK, QUICK_JOBS, Daemon, eventually, start

Connect = Callable[..., psycopg.Connection[Any]]


@pytest.fixture
def database(fresh_database: str, connect: Connect) -> psycopg.Connection[Any]:
    """Three leads whose reminder is due, and two whose base term is over."""
    connection = connect(fresh_database)
    connection.execute(
        """
        insert into public.leads (user_id, company_name, created_at)
        select 7, 'Kantine ' || n,
               now() - case when n < 4 then interval '70 days' else interval '7 months' end
          from generate_series(1, 5) as n
        """
    )
    return connection


def figures(connection: psycopg.Connection[Any]) -> tuple[int, int, int]:
    """Reminders, recorded expiries, events still pending."""
    row = connection.execute(
        "select (select count(*) from public.lead_reminders),"
        "       (select count(*) from public.lead_protection_periods where ended_at is not null),"
        "       (select count(*) from public.outbox)"
    ).fetchone()
    assert row is not None
    reminders, expiries, pending = row
    return reminders, expiries, pending


def has_lines(path: Path, count: int) -> bool:
    return len(lines(path)) == count


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()] if path.exists() else []


# --- the work ---------------------------------------------------------------------------------------------


def test_one_process_reminds_expires_and_publishes(database: psycopg.Connection[Any], tmp_path: Path) -> None:
    target = tmp_path / "events.jsonl"
    with Daemon(database.info.dsn, "--sink", f"file:{target}", *QUICK) as daemon:
        eventually(lambda: figures(database) == (3, 2, 0), "all is done")
        database.execute("insert into public.leads (user_id, company_name) values (7, 'Neu')")
        eventually(lambda: len(lines(target)) == 11, "a new lead's event goes out too")
        assert daemon.stop() == 0
        assert daemon.noise == []
    kinds = [event["event_type"] for event in lines(target)]
    assert kinds.count("lead.protection.reminder") == 3
    assert kinds.count("lead.protection.expired") == 2
    assert len({event["event_id"] for event in lines(target)}) == 11


def test_an_event_is_published_without_waiting_for_the_next_poll(
    fresh_database: str, connect: Connect, tmp_path: Path
) -> None:
    target = tmp_path / "events.jsonl"
    connection = connect(fresh_database)
    with Daemon(fresh_database, "--publish-every", "3600", "--sink", f"file:{target}") as daemon:
        eventually(daemon.is_ready, "it is ready")
        for number in range(1, 4):
            connection.execute("insert into public.leads (user_id, company_name) values (7, 'Kantine')")
            eventually(partial(has_lines, target, number), "the event goes out")
        assert daemon.stop() == 0


def test_news_that_nothing_can_be_done_about_is_no_reason_to_spin(
    fresh_database: str, connect: Connect, tmp_path: Path
) -> None:
    """Somebody is just withdrawing the only reminder: it is pending, but cannot be claimed."""
    connection = connect(fresh_database)
    target = tmp_path / "events.jsonl"
    register = (
        "insert into public.leads (user_id, company_name, created_at)"
        " values (7, 'Kantine', now() - interval '65 days')"
    )
    connection.execute(register)
    start(fresh_database, "publish", "--sink", f"file:{target}").communicate(timeout=60)
    connection.execute("select public.dispatch_due_reminders()")
    with connection.transaction(), Daemon(fresh_database, "--sink", f"file:{target}") as daemon:
        connection.execute("select from public.outbox for update")
        eventually(daemon.is_ready, "it is ready")
        time.sleep(3)
        assert daemon.stop() == 0
    row = connection.execute(
        "select sum((detail ->> 'passes')::integer), max((detail ->> 'sent')::integer)"
        "  from public.job_runs where job = 'publish' and detail ? 'passes'"
    ).fetchone()
    assert row is not None
    assert 5 < row[0] < 50
    assert row[1] == 0


def test_two_processes_at_once_do_everything_once(database: psycopg.Connection[Any], tmp_path: Path) -> None:
    targets = [tmp_path / "a.jsonl", tmp_path / "b.jsonl"]
    url = database.info.dsn
    with (
        Daemon(url, "--sink", f"file:{targets[0]}", *QUICK) as one,
        Daemon(url, "--sink", f"file:{targets[1]}", *QUICK) as other,
    ):
        eventually(lambda: one.is_ready() and other.is_ready(), "both are ready")
        for _ in range(20):
            database.execute("insert into public.leads (user_id, company_name) values (7, 'Neu')")
        eventually(lambda: figures(database) == (3, 2, 0), "all is done")
        assert one.stop() == other.stop() == 0
    ids = [event["event_id"] for target in targets for event in lines(target)]
    assert len(ids) == len(set(ids)) == 5 + 3 + 2 + 20


# --- what fails -------------------------------------------------------------------------------------------


def test_a_failing_sink_stops_neither_reminders_nor_expiries(
    database: psycopg.Connection[Any], tmp_path: Path
) -> None:
    """The directory is missing; once it is there, what waited goes out."""
    target = tmp_path / "later" / "events.jsonl"
    with Daemon(database.info.dsn, "--sink", f"file:{target}", *QUICK) as daemon:
        eventually(lambda: figures(database)[:2] == (3, 2), "reminders and expiries are recorded")
        daemon.waits_for("publish", "cannot be opened", times=2)
        assert figures(database)[2] == 10
        code, body = daemon.ask("/readyz")
        assert (code, body["status"], body["database"]) == (503, "failing", "reachable")
        assert {name: told["status"] for name, told in body["workers"].items()} == {
            "remind": "ok",
            "expire": "ok",
            "publish": "failing",
            "breaches": "ok",
            "maintain": "ok",
            "refresh": "ok",
        }
        assert "No such file" in body["workers"]["publish"]["last_error"]
        assert daemon.ask("/healthz")[0] == 200
        target.parent.mkdir()
        eventually(lambda: len(lines(target)) == 10, "what waited goes out")
        eventually(daemon.is_ready, "it is ready again")
        assert daemon.stop() == 0
    rows = database.execute(
        "select outcome from public.job_runs where job = 'publish' order by id"
    ).fetchall()
    # The same failure again and again is one row.
    assert [row[0] for row in rows][:2] == ["FAILURE", "SUCCESS"]


def test_a_worker_that_the_database_refuses_stops_no_other(
    database: psycopg.Connection[Any], tmp_path: Path
) -> None:
    database.execute(
        "alter table public.lead_protection_periods add constraint nobody_ends check (ended_at is null)"
        " not valid"
    )
    target = tmp_path / "events.jsonl"
    with Daemon(database.info.dsn, "--sink", f"file:{target}", *QUICK) as daemon:
        daemon.waits_for("expire", "23514", times=2)
        eventually(lambda: figures(database) == (3, 0, 0), "the others work on")
        retries = [line["retry_seconds"] for line in daemon.said("expire", "23514")]
        assert retries[1] > retries[0] / 2
        database.execute("alter table public.lead_protection_periods drop constraint nobody_ends")
        eventually(lambda: figures(database) == (3, 2, 0), "it records what it could not")
        daemon.waits_for("expire", "works again")
        assert daemon.stop() == 0


def test_a_database_that_was_not_migrated_ends_it_at_once(empty_database: str) -> None:
    process = start(empty_database, "run", "--grace", "3000")
    _, error = process.communicate(timeout=60)
    assert process.returncode == 7
    assert "leadguard migrate" in error


def test_a_database_that_is_away_at_the_start_is_waited_for(tmp_path: Path) -> None:
    with Daemon(f"postgresql:///x?host={tmp_path}", *QUICK) as daemon:
        daemon.waits_for("remind", "could not be reached", times=3)
        code, body = daemon.ask("/readyz")
        assert (code, body["database"]) == (503, "unreachable")
        assert daemon.ask("/healthz")[0] == 200
        assert daemon.stop() == 0


@pytest.mark.parametrize(
    "arguments",
    [
        ["--sink", "nowhere:"],
        ["--health", "8080"],
        ["--health", "localhost:99999"],
        ["--remind-every", "0"],
        ["--limit", "0"],
    ],
    ids=" ".join,
)
def test_wrong_usage_is_exit_2_before_anything_runs(arguments: list[str], database_url: str) -> None:
    process = start(database_url, "run", *arguments)
    _, error = process.communicate(timeout=60)
    assert process.returncode == 2
    assert "Error: " in error


def test_an_address_in_use_is_told(database_url: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        process = start(database_url, "run", "--health", f"127.0.0.1:{taken.getsockname()[1]}")
        _, error = process.communicate(timeout=60)
    assert process.returncode == 2
    assert "cannot listen" in error
    assert "--health" in error


# --- how it stops -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_told_to_stop_it_stops_at_once_when_idle(number: signal.Signals, database_url: str) -> None:
    with Daemon(database_url) as daemon:
        eventually(daemon.is_ready, "it is ready")
        assert daemon.stop(number) == 0
        daemon.waits_for("run", "stopping")
        assert daemon.noise == []


def slow_down(connection: psycopg.Connection[Any], seconds: float) -> None:
    """Each reminder takes this long."""
    connection.execute(
        f"""
        create function public.dawdle() returns trigger language plpgsql
        as 'begin perform pg_sleep({seconds}); return new; end';
        create trigger dawdle before insert on public.lead_reminders
            for each row execute function public.dawdle();
        """.encode()
    )


def is_at_work(connection: psycopg.Connection[Any], name: str) -> bool:
    query = (
        "select count(*) from pg_stat_activity where datname = current_database()"
        " and application_name = %s and state = 'active'"
    )
    return connection.execute(query, [name]).fetchone() == (1,)


def test_told_to_stop_it_finishes_the_batch_in_hand_and_begins_no_other(
    database: psycopg.Connection[Any],
) -> None:
    slow_down(database, 1.0)
    with Daemon(database.info.dsn, "--limit", "2", *QUICK) as daemon:
        eventually(lambda: is_at_work(database, "leadguard run remind"), "it works on a batch")
        assert daemon.stop() == 0
    assert figures(database)[0] == 2
    rows = database.execute("select outcome, detail from public.job_runs where job = 'remind'").fetchall()
    assert [(outcome, detail["queued"]) for outcome, detail in rows] == [("SUCCESS", 2)]


def test_a_batch_that_takes_longer_than_the_grace_is_rolled_back(database: psycopg.Connection[Any]) -> None:
    slow_down(database, 600)
    with Daemon(database.info.dsn, "--grace", "0.2", *QUICK) as daemon:
        eventually(lambda: is_at_work(database, "leadguard run remind"), "it works on a batch")
        assert daemon.stop() == 0
        daemon.waits_for("remind", "rolled back")
    assert figures(database)[0] == 0
    eventually(lambda: not is_at_work(database, "leadguard run remind"), "the server has stopped too")


def test_a_second_signal_cuts_the_grace_short(database: psycopg.Connection[Any]) -> None:
    slow_down(database, 600)
    with Daemon(database.info.dsn, "--grace", "3000", *QUICK) as daemon:
        eventually(lambda: is_at_work(database, "leadguard run remind"), "it works on a batch")
        daemon.process.send_signal(signal.SIGTERM)
        daemon.waits_for("run", "stopping")
        assert daemon.stop() == 0
    assert figures(database)[0] == 0


def test_a_sink_that_hangs_is_left_behind_and_loses_nothing(
    database: psycopg.Connection[Any], tmp_path: Path
) -> None:
    """A pipe whose reader does not read: nobody can wake the thread that writes to it."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    database.execute(
        "insert into public.leads (user_id, company_name) select 7, 'Kantine' from generate_series(1, 600)"
    )
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    try:
        with Daemon(database.info.dsn, "--sink", f"file:{pipe}", "--grace", "0.2", *QUICK) as daemon:
            leased = "select count(*) > 0 from internal.outbox_leases where leased_until > clock_timestamp()"
            eventually(lambda: database.execute(leased).fetchone() == (True,), "it has taken events")
            eventually(lambda: figures(database)[:2] == (3, 2), "the others work on")
            assert daemon.stop() == 130
            daemon.waits_for("run", "publish hangs")
    finally:
        os.close(reader)
    assert figures(database)[2] == 610


# --- what it tells ----------------------------------------------------------------------------------------


def test_an_empty_look_is_no_row(fresh_database: str, connect: Connect, tmp_path: Path) -> None:
    connection = connect(fresh_database)
    with Daemon(fresh_database, "--sink", f"file:{tmp_path / 'x'}", *QUICK) as daemon:
        eventually(daemon.is_ready, "it is ready")
        time.sleep(2)  # some ten passes of each worker
        assert daemon.stop() == 0
    rows = connection.execute(
        "select job, outcome, (detail ->> 'passes')::integer, finished_at >= started_at"
        "  from public.job_runs order by id"
    ).fetchall()
    # One when it began, one for the rest when it ended.
    assert sorted(row[0] for row in rows) == sorted([*QUICK_JOBS] * 2)
    assert {row[1] for row in rows} == {"SUCCESS"}
    assert all(row[3] for row in rows)
    passes = {row[0]: row[2] for row in rows}  # the later row
    assert passes["remind"] >= 3


def test_runs_are_summed_up(fresh_database: str, connect: Connect) -> None:
    connection = connect(fresh_database)
    runs = Runs("remind")
    for queued in (3, 0, 4):
        runs.add({"queued": queued}, 1.5)
        runs.record_if_due(connection)
    runs.failed(connection, "no", 0.1)
    runs.failed(connection, "no", 0.1)
    runs.failed(connection, "never", 0.1)
    runs.add({"queued": 1}, 1.0)
    runs.record_if_due(connection)
    runs.record(connection)
    rows = connection.execute(
        "select outcome, detail, extract(epoch from finished_at - started_at)::float8"
        "  from public.job_runs order by id"
    ).fetchall()
    assert rows == [
        ("SUCCESS", {"queued": 3, "passes": 1}, 1.5),
        ("SUCCESS", {"queued": 4, "passes": 2}, 3.0),
        ("FAILURE", {"error": "no"}, 0.1),
        ("FAILURE", {"error": "never"}, 0.1),
        ("SUCCESS", {"queued": 1, "passes": 1}, 1.0),
    ]


def test_pauses_after_failures_grow_to_a_limit_and_are_never_in_step() -> None:
    backoff = Backoff(first=0.5, most=30)
    delays = [backoff.next() for _ in range(2000)]
    for number, delay in enumerate(delays[:6]):
        assert 0.25 * 2**number <= delay <= 0.5 * 2**number
    assert all(15 <= delay <= 30 for delay in delays[6:])
    assert len(set(delays)) > 1900
    backoff.reset()
    assert backoff.next() <= 0.5


def test_an_unknown_path_is_404_and_a_silent_client_holds_nobody_up(database_url: str) -> None:
    with Daemon(database_url) as daemon:
        eventually(daemon.is_ready, "it is ready")
        port = daemon.said("run", "health on")[0]["health_port"]
        with socket.create_connection(("127.0.0.1", port)), socket.create_connection(("127.0.0.1", port)):
            assert daemon.ask("/nothing")[0] == 404
            code, body = daemon.ask("/healthz")
        assert (code, body["status"]) == (200, "ok")
        assert set(body["workers"]) == {"remind", "expire", "publish", "breaches", "maintain", "refresh"}
        assert all(told["last_success"] for told in body["workers"].values())
        assert daemon.stop() == 0


def test_a_client_that_breaks_off_leaves_no_trace_in_the_log(database_url: str) -> None:
    with Daemon(database_url) as daemon:
        eventually(daemon.is_ready, "it is ready")
        port = daemon.said("run", "health on")[0]["health_port"]
        for request in (b"", b"GET /readyz HTTP/1.1\r\n", b"GET /readyz HTTP/1.1\r\n\r\n") * 5:
            with socket.create_connection(("127.0.0.1", port)) as client:
                client.sendall(request)
                # Closed with a reset, as by a probe that has run out of time.
                client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        assert daemon.ask("/healthz")[0] == 200
        assert daemon.stop() == 0
        assert daemon.noise == []


# --- JSON logs of every command ---------------------------------------------------------------------------


def objects(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


def test_every_line_on_stderr_is_an_object_where_that_is_asked(
    database: psycopg.Connection[Any], tmp_path: Path
) -> None:
    url = database.info.dsn

    def logged(*arguments: str, **more: str) -> tuple[int, list[dict[str, Any]]]:
        process = start(url, *arguments, **more)
        _, error = process.communicate(timeout=60)
        return process.wait(), objects(error)

    publish = ["publish", "--sink", f"file:{tmp_path / 'events.jsonl'}"]
    code, told = logged(*publish, LEADGUARD_LOG="json")
    assert (code, [line["level"] for line in told], told[0]["logger"]) == (0, ["info"], "publish")
    assert (told[0]["message"], told[0]["sent"]) == ("published 5 events", 5)
    assert told[0]["timestamp"].endswith("Z")
    code, told = logged("explain", "999", "--log-format", "json")
    assert (code, told[0]["level"], told[0]["sqlstate"], told[0]["exit_code"]) == (1, "error", "LP001", 1)
    assert told[0]["hint"]
    code, told = logged("--log-format", "json", "explain", "abc")
    assert (code, told[0]["level"], told[0]["exit_code"]) == (2, "error", 2)
    # The option goes before the variable.
    process = start(url, "explain", "999", "--log-format", "text", LEADGUARD_LOG="json")
    assert process.communicate(timeout=60)[1].startswith("Error: ")


def test_a_worker_that_has_failed_says_so_with_all_that_is_known(tmp_path: Path) -> None:
    with Daemon(f"postgresql://me:geheim@/x?host={tmp_path}") as daemon:
        daemon.waits_for("expire", "could not be reached")
        line = daemon.said("expire", "could not be reached")[0]
        assert (line["level"], line["failures"], line["exit_code"]) == ("warning", 1, 3)
        assert 0 < line["retry_seconds"] <= 0.5
        assert "geheim" not in json.dumps([daemon.log, daemon.ask("/readyz")])
        assert daemon.stop() == 0
