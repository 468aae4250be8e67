"""`leadguard consume`: each event of another module is applied once, and what cannot be is set aside."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import Any, TypeVar
from uuid import uuid4

import nats
import psycopg
import pytest
from nats.aio.client import Client

from jobs import consume
from jobs.database import Database
from jobs.errors import UsageProblem
from jobs.sources import SourceFailed, open_source
from tests.brokers import NatsServer, free_port
from tests.daemon import eventually, start

Connect = Callable[..., psycopg.Connection[Any]]
Result = TypeVar("Result")


def created(lead: int, user: int = 7, **more: Any) -> dict[str, Any]:
    return {
        "event_id": str(uuid4()),
        "event_type": "lead.created",
        "lead_id": lead,
        "user_id": user,
        "company_name": "Küche",
        **more,
    }


def activity(lead: int, **more: Any) -> dict[str, Any]:
    return {
        "event_id": str(uuid4()),
        "event_type": "lead.activity.created",
        "lead_id": lead,
        "user_id": 7,
        "activity_type": "QUALIFIED_CALL",
        "occurred_at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        **more,
    }


def encoded(event: Any) -> bytes:
    return event if isinstance(event, bytes) else json.dumps(event, ensure_ascii=False).encode()


def never() -> bool:
    return False


class Stream:
    """A stream of Module 02's."""

    def __init__(self, server: NatsServer) -> None:
        self.server = server
        self.url = f"{server.url}/module02?subject=module02.leads"
        self._do(lambda client: client.jetstream().add_stream(name="module02", subjects=["module02.>"]))

    def _do(self, work: Callable[[Client], Awaitable[Result]]) -> Result:
        async def connected() -> Result:
            client = await nats.connect(self.server.url)
            try:
                return await work(client)
            finally:
                await client.close()

        return asyncio.run(asyncio.wait_for(connected(), 30))

    def send(self, *events: Any) -> None:
        async def publish(client: Client) -> None:
            for event in events:
                await client.jetstream().publish("module02.leads", encoded(event))

        self._do(publish)

    def left(self) -> int:
        """Messages that are not acknowledged."""

        async def ask(client: Client) -> int:
            info = await client.jetstream().consumer_info("module02", "leadguard")
            return int(info.num_pending or 0) + int(info.num_ack_pending or 0)

        return self._do(ask)


@pytest.fixture
def stream(nats_server: NatsServer) -> Stream:
    return Stream(nats_server)


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(consume, "_FIRST_WAIT_SECONDS", 0.02)
    monkeypatch.setattr(consume, "_LOOK_SECONDS", 0.2)


def drained(database: str, url: str) -> consume.Consumed:
    with Database(database).session() as connection, closing(open_source(url)) as source:
        return consume.drain(connection, source, never)


def dead_letters(connection: psycopg.Connection[Any]) -> list[tuple[Any, ...]]:
    return connection.execute(
        "select error_code, payload from public.inbox_dead_letters order by id"
    ).fetchall()


def count(connection: psycopg.Connection[Any], table: str) -> int:
    query = psycopg.sql.SQL("select count(*) from {}").format(psycopg.sql.Identifier("public", table))
    row = connection.execute(query).fetchone()
    assert row is not None
    return int(row[0])


def test_what_comes_is_applied_once_and_acknowledged(
    stream: Stream, fresh_database: str, connect: Connect
) -> None:
    connection = connect(fresh_database)
    lead, call = created(1), activity(1)
    stream.send(lead, call, lead, call, b"\xef\xbb\xbf" + encoded(created(2)))
    stream.send({"specversion": "1.0", "id": "x", "type": "y", "source": "z", "data": created(3)})
    assert drained(fresh_database, stream.url) == consume.Consumed(applied=4, duplicates=2)
    assert (count(connection, "leads"), count(connection, "lead_activities")) == (3, 1)
    assert stream.left() == 0
    assert drained(fresh_database, stream.url) == consume.Consumed()


POISON = [
    (b"", "22P02"),
    (b"not json", "22P02"),
    (b"\x00\xff\xfe", "LP017"),
    (b"a\x00b", None),
    (b'{"event_type": "\\u0000"}', "22P05"),
    (b"[" * 200_000, "54001"),
    (encoded([]), "LP017"),
    (encoded(created(9) | {"lead_id": "9"}), "LP017"),
    (encoded(created(9) | {"event_type": "lead.deleted"}), "LP018"),
    (encoded(created(1, user=8)), "LP021"),
    (encoded(activity(1, activity_type="TELEPATHY")), "LP008"),
    (encoded(created(9, created_at="1999-01-01T00:00:00Z")), "LP006"),
]


def test_poison_is_set_aside_as_it_came_and_holds_nobody_up(
    stream: Stream, fresh_database: str, connect: Connect
) -> None:
    connection = connect(fresh_database)
    stream.send(created(1), *(body for body, _ in POISON), created(2))
    done = drained(fresh_database, stream.url)
    assert (done.applied, done.dead_lettered) == (2, len(POISON))
    assert dead_letters(connection) == [(code, body) for body, code in POISON]
    assert stream.left() == 0
    told, _ = start(fresh_database, "status").communicate()
    assert f"Inbox: {len(POISON)} dead letters" in told


def test_an_activity_that_comes_before_its_lead_waits_for_it(
    stream: Stream, fresh_database: str, connect: Connect
) -> None:
    connection = connect(fresh_database)
    stream.send(activity(1), activity(404), created(1))
    assert drained(fresh_database, stream.url) == consume.Consumed(applied=2, dead_lettered=1)
    assert count(connection, "lead_activities") == 1
    (letter,) = dead_letters(connection)
    assert letter[0] == "LP001"


def test_a_dead_letter_is_listed_shown_replayed_and_discarded(
    stream: Stream, fresh_database: str, connect: Connect
) -> None:
    connection = connect(fresh_database)
    stream.send(activity(5), b"\x00\xff")
    assert drained(fresh_database, stream.url).dead_lettered == 2
    found = connection.execute("select id from public.inbox_dead_letters order by error_code")
    early, bytes_ = (row[0] for row in found)

    def run(*arguments: str) -> tuple[int, str]:
        process = start(fresh_database, "inbox", *arguments)
        told, _ = process.communicate()
        return process.wait(), told

    code, told = run("list", "--json")
    listed = [json.loads(line) for line in told.splitlines()]
    assert [row["error_code"] for row in listed] == ["LP017", "LP001"]
    assert listed[0]["payload_hex"] == "00ff"
    assert "QUALIFIED_CALL" in run("show", str(early))[1]
    assert run("show", "0")[0] == 1
    code, told = run("replay", str(early), "--yes")
    assert (code, "LP001" in told) == (1, True)
    connection.execute("insert into public.leads (id, user_id) values (5, 7)")
    assert run("replay", str(early))[0] == 0
    assert count(connection, "inbox_dead_letters") == 2, "without --yes nothing is changed"
    assert run("replay", str(early), "--yes") == (0, f"{early}: applied\n")
    assert count(connection, "lead_activities") == 1
    assert run("discard", str(bytes_), "--yes")[0] == 0
    assert count(connection, "inbox_dead_letters") == 0


def test_four_consumers_of_the_same_events_apply_each_once(
    stream: Stream, fresh_database: str, connect: Connect
) -> None:
    """Each has a consumer of its own in the broker, so that every event comes four times at once."""
    connection = connect(fresh_database)
    events = [event for lead in range(1, 61) for event in (created(lead), activity(lead))]
    stream.send(*events)
    with ThreadPoolExecutor(4) as threads:
        done = list(threads.map(lambda n: drained(fresh_database, f"{stream.url}&durable=of{n}"), range(4)))
    assert sum(did.applied for did in done) == len(events)
    assert sum(did.duplicates for did in done) == 3 * len(events)
    assert (count(connection, "leads"), count(connection, "lead_activities")) == (60, 60)
    assert count(connection, "inbox_dead_letters") == 0


def test_killed_between_commit_and_acknowledgement_it_finds_what_it_did(
    stream: Stream, fresh_database: str, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a kill -9 leaves: the commit stands, the broker was told nothing and delivers again."""
    connection = connect(fresh_database)
    monkeypatch.setattr("jobs.sources.nats._ACK_WAIT_SECONDS", 0.5)
    events = [created(lead) for lead in range(1, 6)]
    stream.send(*events)
    child = os.fork()
    if child == 0:
        try:
            monkeypatch.setattr(
                "jobs.consume.Consumer._give_back", lambda *_: os.kill(os.getpid(), signal.SIGKILL)
            )
            source = open_source(stream.url)
            with Database(fresh_database).session() as own:
                for message in source.receive(5, 5.0)[:3]:
                    own.execute("select public.handle_module_event(%s::jsonb)", [message.body.decode()])
        finally:
            os.kill(os.getpid(), signal.SIGKILL)
    os.waitpid(child, 0)
    assert count(connection, "leads") == 3
    total = consume.Consumed()

    def has_all() -> bool:
        did = drained(fresh_database, stream.url)
        total.applied += did.applied
        total.duplicates += did.duplicates
        return total.applied + total.duplicates == 5

    eventually(has_all, "the broker delivers again what was not acknowledged")
    assert (total.applied, total.duplicates) == (2, 3)
    assert count(connection, "leads") == 5


class Process:
    """`leadguard consume` with its log."""

    def __init__(self, database: str, url: str) -> None:
        self.process = start(database, "consume", "--source", url, LEADGUARD_LOG="json")
        self.log: list[str] = []
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        assert self.process.stderr is not None
        self.log.extend(self.process.stderr)

    def says(self, part: str) -> None:
        eventually(lambda: any(part in line for line in self.log), f"it says {part!r}: {self.log}")

    def stop(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(30)


@pytest.fixture
def consuming(fresh_database: str) -> Iterator[Callable[[str], Process]]:
    started: list[Process] = []

    def begin(url: str) -> Process:
        started.append(Process(fresh_database, url))
        return started[-1]

    yield begin
    for process in started:
        process.process.kill()
        process.process.communicate()


def test_it_outlives_its_broker_and_its_database_and_stops_when_told(
    stream: Stream, fresh_database: str, connect: Connect, consuming: Callable[[str], Process]
) -> None:
    connection = connect(fresh_database)
    stream.send(created(1))
    process = consuming(stream.url)
    eventually(lambda: count(connection, "leads") == 1, "it consumes")
    eventually(lambda: stream.left() == 0, "and acknowledges")
    stream.server.stop()  # killed it would forget the acknowledgements of its last seconds
    process.says(f"nats://127.0.0.1:{stream.server.port}/module02:")
    stream.server.start()
    stream.send(created(2))
    eventually(lambda: count(connection, "leads") == 2, "it consumes again")
    connection.execute(
        "select pg_terminate_backend(pid) from pg_stat_activity"
        " where application_name = 'leadguard consume' and datname = current_database()"
    )
    stream.send(created(3))
    eventually(lambda: count(connection, "leads") == 3, "and again")
    assert process.stop() == 0
    assert stream.left() == 0, "a stop lets go of nothing that was applied"
    outcomes = connection.execute("select distinct outcome from public.job_runs where job = 'consume'")
    assert ("SUCCESS",) in outcomes.fetchall()


def test_one_pass_for_cron_says_what_it_did(stream: Stream, fresh_database: str, connect: Connect) -> None:
    stream.send(created(1), b"poison")
    process = start(fresh_database, "consume", "--source", stream.url, "--once", "--json")
    told, _ = process.communicate()
    assert (process.returncode, json.loads(told)) == (
        0,
        {"applied": 1, "duplicates": 0, "dead_lettered": 1},
    )
    away = start(fresh_database, "consume", "--once", "--source", f"nats://127.0.0.1:{free_port()}/module02")
    assert away.wait(60) == 6
    runs = connect(fresh_database).execute("select outcome from public.job_runs order by id").fetchall()
    assert runs == [("SUCCESS",), ("FAILURE",)], "a broker that is away is a run that failed"


def test_the_worker_role_suffices(stream: Stream, fresh_database: str, connect: Connect) -> None:
    stream.send(created(1), b"poison")
    with (
        connect(fresh_database, options="-c role=lead_worker", row_factory=psycopg.rows.dict_row) as worker,
        closing(open_source(stream.url)) as source,
    ):
        assert consume.drain(worker, source, never) == consume.Consumed(applied=1, dead_lettered=1)


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("kafka://host/topic", "unknown source: kafka"),
        ("nats://host", "no stream"),
        ("nats://host/s?subjekt=x", "unknown option subjekt"),
        ("amqp://host", "no queue"),
    ],
)
def test_a_source_that_is_none_is_refused(url: str, says: str) -> None:
    with pytest.raises(UsageProblem, match=says):
        open_source(url)


def test_a_port_where_nobody_listens_is_told() -> None:
    with socket.socket() as unheard:
        unheard.bind(("127.0.0.1", 0))
        port = unheard.getsockname()[1]
        with pytest.raises(SourceFailed, match=rf"Connect call failed \('127.0.0.1', {port}\)"):
            open_source(f"nats://127.0.0.1:{port}/missing")


def test_a_stream_that_is_missing_is_named(nats_server: NatsServer) -> None:
    with pytest.raises(SourceFailed, match="stream not found"):
        open_source(f"{nats_server.url}/missing")
