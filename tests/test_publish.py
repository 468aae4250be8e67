"""Publishing: at least once, in order, byte by byte, and never inside a transaction."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from random import Random
from typing import Any

import psycopg
import pytest

from jobs.database import Database
from jobs.publish import publish, wait_for_events
from jobs.sinks import Event, Refusal, SinkFailed, open_sink
from tests import forked
from tests.forked import ROOT, Process

Connect = Callable[..., psycopg.Connection[Any]]


class Outbox:
    """A database whose outbox holds the events of some leads."""

    def __init__(self, url: str, connection: psycopg.Connection[Any], directory: Path) -> None:
        self.url = url
        self.connection = connection
        self.directory = directory

    def fill(self, leads: int) -> None:
        self.connection.execute(
            "insert into public.leads (user_id, company_name, created_at)"
            " select 7, 'Kantine ' || n, now() - interval '65 days' from generate_series(1, %s) as n",
            [leads],
        )

    def pending(self) -> list[str]:
        rows = self.connection.execute("select payload::text from public.outbox order by id").fetchall()
        return [row[0] for row in rows]

    def archived(self) -> list[str]:
        query = "select payload::text from public.outbox_archive order by id"
        return [row[0] for row in self.connection.execute(query.encode())]

    def let_lease_run_out(self) -> None:
        self.connection.execute("update internal.outbox_leases set leased_until = '-infinity'")

    def start(self, *arguments: str, stdout: int | None = None) -> Process:
        return forked.start(
            ["publish", *arguments],
            {**os.environ, "DATABASE_URL": self.url, "PYTHONPATH": str(ROOT)},
            stdout=stdout,
        )

    def run(self, *arguments: str) -> tuple[int, str, str]:
        process = self.start(*arguments)
        out, error = process.communicate(timeout=60)
        assert "Traceback" not in error
        return process.wait(), out, error


@pytest.fixture
def outbox(fresh_database: str, connect: Connect, tmp_path: Path) -> Outbox:
    return Outbox(fresh_database, connect(fresh_database), tmp_path)


def by_lead(lines: list[str]) -> dict[int, list[str]]:
    """The lines of each lead, in their order."""
    found: dict[int, list[str]] = {}
    for line in lines:
        found.setdefault(json.loads(line)["lead_id"], []).append(line)
    return found


class Recorder:
    """A sink that keeps what it is given, and asks the test's own question at each event."""

    proves_delivery = False
    keeps_order = True

    def __init__(self, ask: Callable[[], None] = lambda: None) -> None:
        self.ask = ask
        self.lines: list[str] = []

    def deliver(self, events: Sequence[Event]) -> Mapping[int, Refusal]:
        for event in events:
            self.ask()
            self.lines.append(event.payload)
        self.ask()
        return {}

    def close(self) -> None:
        pass


# --- what goes out ----------------------------------------------------------------------------------------


def test_stdout_holds_the_events_in_order_and_nothing_else(outbox: Outbox) -> None:
    outbox.fill(20)
    before = outbox.pending()
    code, out, error = outbox.run()
    assert (code, out.splitlines(), error) == (0, before, "published 20 events\n")
    assert [json.loads(line)["event_type"] for line in before] == ["lead.protection.activated"] * 20
    assert (outbox.pending(), outbox.archived()) == ([], before)
    assert outbox.run() == (0, "", "published 0 events\n")


def test_each_lead_keeps_its_order_in_small_batches(outbox: Outbox) -> None:
    outbox.fill(20)
    for user in (8, 9, 10):
        outbox.connection.execute("update public.leads set user_id = %s", [user])
    before = outbox.pending()
    code, out, _ = outbox.run("--limit", "7")
    assert (code, len(before)) == (0, 80)
    assert by_lead(out.splitlines()) == by_lead(before)
    assert outbox.pending() == []


def test_a_pass_goes_on_however_the_leads_are_spread(outbox: Outbox) -> None:
    """One part of the outbox has less than a batch, another has more."""
    outbox.fill(5)
    for user in (8, 9, 10):
        outbox.connection.execute("update public.leads set user_id = %s where id %% 4 = 1", [user])
    assert len(outbox.pending()) == 11
    code, out, _ = outbox.run("--limit", "3")
    assert (code, len(out.splitlines()), outbox.pending()) == (0, 11, [])
    # And leaves no lease behind.
    held = outbox.connection.execute("select count(*) from internal.outbox_leases where holder is not null")
    assert held.fetchone() == (0,)


def test_two_passes_in_a_row_need_not_wait_for_a_lease(outbox: Outbox) -> None:
    outbox.run()
    outbox.fill(2)
    assert len(outbox.run()[1].splitlines()) == 2
    outbox.fill(3)
    assert len(outbox.run()[1].splitlines()) == 3


def test_a_file_grows_by_one_line_an_event(outbox: Outbox, monkeypatch: pytest.MonkeyPatch) -> None:
    outbox.fill(3)
    before = outbox.pending()
    target = outbox.directory / "events.jsonl"
    target.write_text("already here\n", "utf-8")
    monkeypatch.setenv("LEADGUARD_SINK", f"file:{target}")
    code, out, error = outbox.run("--json")
    assert (code, out) == (0, "")
    assert json.loads(error) == {
        "sent": 3,
        "acknowledged": 3,
        "left_unacknowledged": 0,
        "refused": 0,
        "dead_lettered": 0,
        "by_type": {"lead.protection.activated": 3},
    }
    assert target.read_text("utf-8").splitlines() == ["already here", *before]


def test_an_event_is_one_line_whatever_people_typed(outbox: Outbox) -> None:
    outbox.fill(1)
    reason = 'zwei\nZeilen \u2028 "ü"'
    row = outbox.connection.execute("select id from public.leads").fetchone()
    assert row is not None
    outbox.connection.execute("call public.create_lead_hold(%s, 7, %s)", [row[0], reason])
    code, out, _ = outbox.run()
    events = [json.loads(line) for line in out.split("\n") if line]
    assert code == 0
    assert [event["event_type"] for event in events] == ["lead.protection.activated", "lead.hold.created"]


@pytest.mark.parametrize(("proof", "is_sent"), [("broker", False), ("any", True)])
def test_stdout_proves_nothing_unless_the_setting_says_so(proof: str, is_sent: bool, outbox: Outbox) -> None:
    outbox.fill(1)
    outbox.connection.execute("update public.settings set value = %s where name = 'reminder_proof'", [proof])
    outbox.connection.execute("select public.dispatch_due_reminders()")
    code, out, _ = outbox.run()
    assert code == 0
    assert json.loads(out.splitlines()[-1])["event_type"] == "lead.protection.reminder"
    row = outbox.connection.execute("select sent_at is not null from public.lead_reminders").fetchone()
    assert row == (is_sent,)


def test_no_transaction_is_open_while_the_sink_is_written_to(outbox: Outbox) -> None:
    outbox.fill(5)
    states: list[str] = []

    def look() -> None:
        rows = outbox.connection.execute(
            "select state from pg_stat_activity"
            " where application_name = 'publisher' and datname = current_database()"
        )
        states.extend(row[0] for row in rows)

    sink = Recorder(look)
    with Database(outbox.url).session("publisher") as connection:
        publish(connection, sink, limit=2)
    assert len(sink.lines) == 5
    assert len(states) > 5  # at each event, and at the end of each batch
    assert set(states) == {"idle"}


# --- what fails -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("sink", ["file:/nonexistent/events.jsonl", "file:/dev/full"])
def test_a_failing_sink_loses_nothing_and_holds_nobody_up(sink: str, outbox: Outbox) -> None:
    outbox.fill(3)
    before = outbox.pending()
    code, out, error = outbox.run("--sink", sink)
    assert (code, out) == (6, "")
    assert error.startswith("Error: the sink")
    assert outbox.pending() == before
    # The lease was given back: the next pass goes on at once, with the same bytes.
    assert outbox.run()[1].splitlines() == before


def test_a_reader_that_goes_away_is_no_crash(outbox: Outbox) -> None:
    outbox.fill(3)
    before = outbox.pending()
    reader, writer = os.pipe()
    os.close(reader)
    process = outbox.start(stdout=writer)
    os.close(writer)
    _, error = process.communicate(timeout=60)
    assert process.returncode == 6
    assert error.startswith("Error: the sink failed")
    assert len(error.splitlines()) == 2
    assert outbox.run()[1].splitlines() == before


def test_a_failed_pass_is_recorded_as_such(outbox: Outbox) -> None:
    outbox.fill(1)
    outbox.run("--sink", "file:/dev/full")
    outbox.run()
    rows = outbox.connection.execute(
        "select job, outcome, detail from public.job_runs order by id"
    ).fetchall()
    assert [row[:2] for row in rows] == [("publish", "FAILURE"), ("publish", "SUCCESS")]
    assert "No space left" in rows[0][2]["error"]
    assert rows[1][2]["sent"] == 1


@pytest.mark.parametrize(
    ("sink", "code", "outcomes"),
    [
        ("nats://127.0.0.1:1/leads", 6, [("publish", "FAILURE")]),
        ("file:/nonexistent/events.jsonl", 6, [("publish", "FAILURE")]),
        ("file:", 2, []),
    ],
    ids=["away", "cannot be opened", "no sink at all"],
)
def test_a_pass_that_cannot_reach_its_sink_has_failed_and_a_slip_of_the_pen_is_none(
    sink: str, code: int, outcomes: list[tuple[str, str]], outbox: Outbox
) -> None:
    outbox.fill(1)
    assert outbox.run("--sink", sink)[0] == code
    rows = outbox.connection.execute("select job, outcome, detail from public.job_runs").fetchall()
    assert [row[:2] for row in rows] == outcomes
    assert all(row[2]["error"] for row in rows)


@pytest.fixture
def blocked(outbox: Outbox) -> Iterator[tuple[Process, int]]:
    """A publisher that is stuck in the middle of writing: its reader has stopped reading."""
    outbox.fill(400)
    reader, writer = os.pipe()
    process = outbox.start(stdout=writer)
    os.close(writer)
    deadline = time.monotonic() + 30
    claimed = "select count(*) > 0 from internal.outbox_leases where holder is not null"
    while outbox.connection.execute(claimed).fetchone() != (True,):
        assert time.monotonic() < deadline
        assert process.poll() is None
        time.sleep(0.05)
    time.sleep(0.3)  # it writes until the pipe is full
    yield process, reader
    os.close(reader)
    process.kill()
    process.wait()


def test_a_publisher_that_is_killed_loses_nothing(outbox: Outbox, blocked: tuple[Process, int]) -> None:
    process, reader = blocked
    before = outbox.pending()
    process.kill()
    process.communicate()
    seen = os.read(reader, 1 << 20).decode().split("\n")[:-1]
    assert 0 < len(seen) < 400
    assert seen == before[: len(seen)]
    # Its lease still runs: nobody else publishes, so that each lead's order holds.
    assert outbox.run()[1] == ""
    outbox.let_lease_run_out()
    assert outbox.run()[1].splitlines() == before


def test_a_publisher_that_is_told_to_stop_gives_its_lease_back(
    outbox: Outbox, blocked: tuple[Process, int]
) -> None:
    process, _ = blocked
    before = outbox.pending()
    process.send_signal(signal.SIGTERM)
    _, error = process.communicate(timeout=30)
    assert process.returncode == 130
    assert "Traceback" not in error
    assert outbox.run()[1].splitlines() == before


# --- several publishers -----------------------------------------------------------------------------------


def test_a_publisher_that_was_overtaken_acknowledges_nothing(outbox: Outbox, connect: Connect) -> None:
    outbox.fill(4)
    before = outbox.pending()
    taken: list[tuple[int, int]] = []
    other = connect(outbox.url)

    def take_over() -> None:
        if not taken:
            outbox.let_lease_run_out()
            rows = other.execute("select token, id from public.claim_outbox_events('other', 100)").fetchall()
            taken.extend((row[0], row[1]) for row in rows)

    sink = Recorder(take_over)
    with Database(outbox.url).session() as connection:
        result = publish(connection, sink, limit=100)
    assert sink.lines == before
    assert (result.sent, result.acknowledged, result.left_unacknowledged) == (4, 0, 4)
    assert outbox.pending() == before
    ids = [number for _, number in taken]
    row = other.execute("select public.acknowledge_outbox_events(%s, %s::bigint[])", [taken[0][0], ids])
    assert row.fetchone() == (4,)
    assert outbox.archived() == before


def test_an_event_that_is_acknowledged_late_is_written_once(outbox: Outbox) -> None:
    """The database may leave busy leads for the next round: here every round leaves half of them."""
    outbox.fill(8)
    before = outbox.pending()
    outbox.connection.execute(
        """
        alter function public.acknowledge_outbox_events(bigint, bigint[], boolean) rename to acknowledge_all;
        create function public.acknowledge_outbox_events(p_token bigint, p_ids bigint[], p_proven boolean)
        returns integer language sql
        as 'select public.acknowledge_all($1, $2[cardinality($2) / 2 + 1:], $3)';
        """
    )
    sink = Recorder()
    with Database(outbox.url).session() as connection:
        result = publish(connection, sink, limit=100)
    assert sink.lines == before
    assert (result.sent, result.acknowledged, result.left_unacknowledged) == (8, 8, 0)
    assert outbox.pending() == []


def test_two_publishers_at_once_publish_each_event_once(outbox: Outbox) -> None:
    outbox.fill(300)
    before = outbox.pending()
    processes = [outbox.start("--limit", "10") for _ in range(3)]
    lines = [line for process in processes for line in process.communicate(timeout=60)[0].splitlines()]
    assert [process.returncode for process in processes] == [0, 0, 0]
    lines += outbox.run()[1].splitlines()
    assert sorted(lines) == sorted(before)
    assert outbox.pending() == []


# --- waiting ----------------------------------------------------------------------------------------------


def wait_until(question: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not question():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_a_publisher_that_waits_is_called_by_the_next_event(outbox: Outbox, connect: Connect) -> None:
    """And has no transaction open meanwhile."""
    outbox.fill(1)
    other = connect(outbox.url)
    with Database(outbox.url).session("sleeper") as connection, ThreadPoolExecutor(1) as thread:
        assert wait_for_events(connection, 600)  # what is there already needs no call
        publish(connection, Recorder(), 100)
        waiting = thread.submit(wait_for_events, connection, 600)
        announced = "select count(*) from pg_locks where locktype = 'advisory' and mode = 'ExclusiveLock'"
        wait_until(lambda: other.execute(announced).fetchone() == (1,))
        row = other.execute(
            "select state, xact_start from pg_stat_activity where application_name = 'sleeper'"
        ).fetchone()
        assert row == ("idle", None)
        assert not waiting.done()
        outbox.fill(1)
        assert waiting.result(timeout=30)
        # Awake, it is called no more: its announcement is gone.
        assert other.execute(announced).fetchone() == (0,)


def test_waiting_ends_when_nothing_comes(outbox: Outbox, connect: Connect) -> None:
    with Database(outbox.url).session() as connection, Database(outbox.url).session() as second:
        assert not wait_for_events(connection, 0)
        assert not wait_for_events(connection, 0.05)
        # While somebody writes, or another one sleeps, it looks again and again.
        writer = connect(outbox.url, autocommit=False)
        writer.execute("insert into public.leads (user_id) values (7)")
        assert not wait_for_events(second, 0.05)
        writer.commit()
        assert wait_for_events(second, 600)


def test_no_call_is_lost(outbox: Outbox) -> None:
    """Writers commit at any moment between the publisher's steps; a call that was lost would time out."""
    rounds = 150

    def write(seed: int) -> None:
        random = Random(seed)
        with Database(outbox.url).session("writer") as connection:
            for _ in range(rounds):
                with connection.transaction():
                    connection.execute("insert into public.leads (user_id) values (7)")
                    time.sleep(random.random() * 0.004)
                time.sleep(random.random() * 0.008)

    sink = Recorder()
    with Database(outbox.url).session("publisher") as connection, ThreadPoolExecutor(2) as threads:
        writers = [threads.submit(write, seed) for seed in (1, 2)]
        while len(sink.lines) < 2 * rounds:
            assert wait_for_events(connection, 30), "called by nobody"
            publish(connection, sink, 100)
        for writer in writers:
            writer.result()
    assert len(set(sink.lines)) == len(sink.lines) == 2 * rounds


# --- which sink -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "url", ["", "stdout", "nowhere:", "kafka://host/topic", "file:", "notify:", "notify:" + "x" * 64]
)
def test_an_unknown_sink_is_a_usage_problem(url: str, outbox: Outbox) -> None:
    outbox.fill(1)
    code, out, error = outbox.run("--sink", url)
    assert (code, out) == (2, "")
    assert error.startswith("Error: ")
    assert len(outbox.pending()) == 1


def test_a_sink_that_cannot_be_opened_says_why() -> None:
    with pytest.raises(SinkFailed, match="No such file or directory"):
        open_sink("file:/nonexistent/directory/events.jsonl", Database())
