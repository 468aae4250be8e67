"""The sinks `file:` and `notify:`: what is accepted is there, whole, and nothing else is harmed."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg
import pytest
from cloudevents.core.bindings.http import HTTPMessage, from_binary, from_structured
from cloudevents.core.formats.json import JSONFormat

from jobs.database import Database
from jobs.errors import UsageProblem
from jobs.publish import publish
from jobs.sinks import Event, Sink, SinkFailed, open_sink
from jobs.sinks.cloudevent import headers
from jobs.sinks.lines import to_file
from jobs.sinks.notify import MOST_BYTES

ROOT = Path(__file__).resolve().parent.parent
Connect = Callable[..., psycopg.Connection[Any]]


def event(number: int) -> str:
    return json.dumps({"event_id": f"{number}", "text": "ä" * 20}, ensure_ascii=False)


def deliver(sink: Sink, *payloads: str) -> None:
    events = [Event(n, f"{n + 1}", "lead.hold.created", None, text) for n, text in enumerate(payloads)]
    assert sink.deliver(events) == {}


# --- file: ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("torn", [event(2)[:1], event(2)[:9], event(2)[:30], event(2)])
def test_an_event_that_a_crash_cut_short_is_cut_off(torn: str, tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    path.write_text(event(1) + "\n" + torn, "utf-8")
    sink = to_file(str(path))
    deliver(sink, event(2))
    assert path.read_text("utf-8").splitlines() == [event(1), event(2)]


def test_a_long_line_that_was_cut_in_the_middle_of_a_letter_is_cut_off(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    torn = json.dumps({"event_id": "2", "text": "ä" * 100_000}, ensure_ascii=False).encode()[:150_000]
    path.write_bytes(event(1).encode() + b"\n" + torn)
    sink = to_file(str(path))
    deliver(sink, event(2))
    assert path.read_text("utf-8").splitlines() == [event(1), event(2)]


def test_an_event_of_any_family_is_cut_off_wherever_it_was_cut_short(
    fresh_database: str, connect: Connect, tmp_path: Path
) -> None:
    with connect(fresh_database) as connection:
        connection.execute("insert into leads (user_id) values (7)")
        connection.execute(
            "insert into sample_requests (user_id, product_type, urgency) values (7, 'cheese', 'HIGH')"
        )
        written = connection.execute("select payload::text from outbox").fetchall()
    assert len(written) == 2
    path = tmp_path / "events.jsonl"
    for (payload,) in written:
        for cut in (*range(1, 20), len(payload) - 1, len(payload)):
            path.write_text(event(1) + "\n" + payload[:cut], "utf-8")
            deliver(to_file(str(path)), payload)
            assert path.read_text("utf-8").splitlines() == [event(1), payload], f"cut after {cut} bytes"


def test_a_pipe_is_written_to(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    sink = to_file(str(pipe))
    deliver(sink, event(1))
    assert os.read(reader, 10_000).decode() == event(1) + "\n"
    os.close(reader)


@pytest.mark.parametrize("theirs", ["a note without a line break", '{ "id" : "2"}', "  "])
def test_somebody_elses_line_is_kept_and_ended(theirs: str, tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    path.write_text(theirs, "utf-8")
    sink = to_file(str(path))
    deliver(sink, event(1))
    assert path.read_text("utf-8").splitlines() == [theirs, event(1)]


def test_a_file_that_is_moved_away_is_begun_anew(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    sink = to_file(str(path))
    for number in (1, 2):
        deliver(sink, event(number))
        path.rename(tmp_path / f"{number}.jsonl")
    assert [(tmp_path / f"{n}.jsonl").read_text("utf-8") for n in (1, 2)] == [f"{event(n)}\n" for n in (1, 2)]


def test_a_disk_that_is_full_leaves_no_half_line_behind(tmp_path: Path) -> None:
    """The limit of the process stands for the disk: the write ends in the middle of a line."""
    path = tmp_path / "events.jsonl"
    code = (
        "import resource, signal, sys\n"
        "from jobs.sinks.lines import to_file\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        f"resource.setrlimit(resource.RLIMIT_FSIZE, (100, {resource.RLIM_INFINITY}))\n"
        "sink = to_file(sys.argv[1])\n"
        "from jobs.sinks import Event\n"
        "def write(texts):\n"
        "    sink.deliver([Event(1, '1', 'type', None, text) for text in texts])\n"
        "try: write(sys.argv[2:])\n"
        "except OSError as error: print(error)\n"
        f"resource.setrlimit(resource.RLIMIT_FSIZE, ({resource.RLIM_INFINITY}, {resource.RLIM_INFINITY}))\n"
        "write(sys.argv[2:])\n"
    )
    events = [event(number) for number in range(3)]
    done = subprocess.run(
        [sys.executable, "-c", code, str(path), *events],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert "File too large" in done.stdout
    assert path.read_text("utf-8").splitlines() == [events[0], *events]


def test_publishers_that_share_a_file_do_not_mix_their_lines(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"

    def write(first: int) -> None:
        sink = to_file(str(path))
        for number in range(first, first + 500, 10):
            deliver(sink, *(event(n) for n in range(number, number + 10)))

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(write, range(0, 2000, 500)))
    lines = path.read_text("utf-8").splitlines()
    assert sorted(int(json.loads(line)["event_id"]) for line in lines) == list(range(2000))


# --- notify: ----------------------------------------------------------------------------------------------


class Listener:
    def __init__(self, connection: psycopg.Connection[Any], channel: str) -> None:
        self.connection = connection
        connection.execute(psycopg.sql.SQL("listen {}").format(psycopg.sql.Identifier(channel)))

    def heard(self, count: int) -> list[str]:
        return [n.payload for n in self.connection.notifies(timeout=30, stop_after=count)]


HOSTILE = ['ffz"; drop table leads; --', "Größe 💥", "select pg_sleep(1)", "x" * 63, "'"]


@pytest.mark.parametrize("channel", ["ffz_events", *HOSTILE])
def test_a_listener_hears_each_event_once_and_in_order(
    channel: str, fresh_database: str, connect: Connect
) -> None:
    connection = connect(fresh_database)
    connection.execute("insert into public.leads (user_id) select 7 from generate_series(1, 20)")
    rows = connection.execute("select payload::text from public.outbox order by id").fetchall()
    listener = Listener(connect(fresh_database), channel)
    database = Database(fresh_database)
    with database.session() as session:
        sink = open_sink(f"notify:{channel}", database)
        assert publish(session, sink, 100).acknowledged == 20
        sink.close()
    assert listener.heard(20) == [row[0] for row in rows]


def of_bytes(number: int, size: int) -> str:
    frame = len(json.dumps({"event_id": f"{number}", "text": ""}))
    return json.dumps({"event_id": f"{number}", "text": "ä" * ((size - frame) // 2)}, ensure_ascii=False)


def test_an_event_too_long_for_notify_goes_out_as_its_id(database_url: str, connect: Connect) -> None:
    listener = Listener(connect(database_url), "long")
    sink = open_sink("notify:long", Database(database_url))
    payloads = [of_bytes(1, MOST_BYTES - 1), of_bytes(2, MOST_BYTES + 2), of_bytes(3, 20_000)]
    deliver(sink, *payloads)
    sink.close()
    assert listener.heard(3) == [payloads[0], '{"event_id": "2"}', '{"event_id": "3"}']


def test_a_lost_connection_is_a_sink_that_failed_and_is_made_anew(
    fresh_database: str, connect: Connect
) -> None:
    connection = connect(fresh_database)
    listener = Listener(connect(fresh_database), "ffz")
    database = Database(fresh_database)
    with database.session() as session:
        sink = open_sink("notify:ffz", database)
        connection.execute("insert into public.leads (user_id) values (7)")
        assert publish(session, sink, 100).acknowledged == 1
        connection.execute(
            "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'leadguard sink'"
            " and datname = current_database()"
        )
        connection.execute("insert into public.leads (user_id) values (7)")
        with pytest.raises(SinkFailed, match="the sink failed"):
            publish(session, sink, 100)
        assert publish(session, sink, 100).acknowledged == 1
        sink.close()
    assert len(set(listener.heard(2))) == 2


def test_a_notification_proves_nothing(fresh_database: str, connect: Connect) -> None:
    connection = connect(fresh_database)
    connection.execute(
        "insert into public.leads (user_id, created_at) values (7, now() - interval '65 days')"
    )
    connection.execute("select public.dispatch_due_reminders()")
    database = Database(fresh_database)
    with database.session() as session:
        assert publish(session, open_sink("notify:ffz", database), 100).acknowledged == 2
    assert connection.execute("select sent_at from public.lead_reminders").fetchall() == [(None,)]


# --- the envelope -----------------------------------------------------------------------------------------


def test_the_envelope_is_what_a_reader_of_cloudevents_understands(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LEADGUARD_EVENT_SOURCE", "urn:leadguard:Küche")
    payload = '{"event_id": "a-b", "timestamp": "2026-01-02T03:04:05.5Z", "reason": "\\"timestamp\\""}'
    told = headers(Event(1, "a-b", "lead.hold.created", 4711, payload))
    assert all(text.isascii() for text in told.values())
    read = from_binary(HTTPMessage(told, payload.encode()), JSONFormat())
    assert read.get_attributes() == {
        "specversion": "1.0",
        "id": "a-b",
        "type": "lead.hold.created",
        "source": "urn:leadguard:Küche",
        "time": datetime(2026, 1, 2, 3, 4, 5, 500_000, UTC),
        "subject": "lead/4711",
        "datacontenttype": "application/json",
    }
    # Nothing of one event is left to the next, nor made up.
    assert headers(Event(2, "c", "lead.hold.created", None, "{}")).keys() == told.keys() - {
        "ce-time",
        "ce-subject",
    }


# --- the envelope around the event ------------------------------------------------------------------------


def test_a_line_may_be_the_envelope_with_the_event_in_it(
    database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LEADGUARD_EVENT_SOURCE", 'urn:leadguard:"Küche"')
    path = tmp_path / "events.jsonl"
    body = '{ "event_id" : "e", "timestamp" : "2026-03-02T07:00:00Z", "note" : "ä\\u0001" }'
    told = Event(1, "e", "lead.hold.created", 4711, body)
    for _ in range(2):
        sink = open_sink(f"file:{path}?mode=structured", Database(database_url))
        assert (sink.proves_delivery, sink.keeps_order) == (False, True)
        assert sink.deliver([told]) == {}
        sink.close()
    first, again = path.read_text("utf-8").splitlines()
    assert first == again
    assert body in first
    read = HTTPMessage({"content-type": "application/cloudevents+json"}, first.encode())
    understood = from_structured(read, JSONFormat())
    assert understood.get_attributes() | {"time": None} == {
        "specversion": "1.0",
        "id": "e",
        "type": "lead.hold.created",
        "source": 'urn:leadguard:"Küche"',
        "subject": "lead/4711",
        "datacontenttype": "application/json",
        "time": None,
    }
    assert understood.get_time() == datetime(2026, 3, 2, 7, tzinfo=UTC)
    assert understood.get_data() == json.loads(body)


def test_an_envelope_that_a_crash_cut_short_is_cut_off(database_url: str, tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    url, told = f"file:{path}?mode=structured", Event(1, "e", "lead.hold.created", None, event(1))
    for length in (1, 5, 20, 200):
        open_sink(url, Database(database_url)).deliver([told])
        whole = path.read_bytes()
        path.write_bytes(whole + whole.splitlines()[0][:length])
        open_sink(url, Database(database_url)).deliver([told])
        assert path.read_bytes() == whole + whole.splitlines()[0] + b"\n"
        path.unlink()


@pytest.mark.parametrize("url", ["stdout:?mode=binary", "file:x?mode=", "notify:x?mode=Structured"])
def test_there_is_one_other_mode(url: str, database_url: str) -> None:
    with pytest.raises(UsageProblem, match="there is one, structured"):
        open_sink(url, Database(database_url))
