"""`nats:`: what JetStream has acknowledged is in the stream, once; what is down fails fast."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable, Coroutine, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, TypeVar
from uuid import uuid4

import nats
import psycopg
import pytest
from nats.aio.client import Client
from nats.js import JetStreamContext
from nats.js.api import DiscardPolicy, StreamConfig

from jobs.database import Database
from jobs.errors import UsageProblem
from jobs.publish import publish
from jobs.sinks import Event, Sink, SinkFailed, open_sink
from jobs.sources import SourceFailed, open_source
from tests.brokers import NatsServer
from tests.daemon import eventually

Connect = Callable[..., psycopg.Connection[Any]]
T = TypeVar("T")


def ask(server: NatsServer, question: Callable[[JetStreamContext, Client], Coroutine[Any, Any, T]]) -> T:
    """Something that another client does there."""

    async def asked() -> T:
        client = await nats.connect(server.url)
        try:
            return await question(client.jetstream(), client)
        finally:
            await client.close()

    return asyncio.run(asked())


def stored(server: NatsServer, stream: str = "leads") -> list[tuple[str, dict[str, str], str]]:
    """Subject, headers and body of all that is in a stream, in its order."""

    async def read(context: JetStreamContext, _client: Client) -> list[tuple[str, dict[str, str], str]]:
        count = (await context.stream_info(stream)).state.messages
        if not count:
            return []
        reader = await context.subscribe(f"{stream}.>", ordered_consumer=True)
        found = []
        for _ in range(count):
            message = await reader.next_msg(timeout=20)
            found.append((message.subject, dict(message.headers or {}), message.data.decode()))
        return found

    return ask(server, read)


def make_stream(server: NatsServer, **limits: Any) -> None:
    async def make(context: JetStreamContext, _client: Client) -> None:
        await context.add_stream(StreamConfig(name="leads", subjects=["leads.>"], **limits))

    ask(server, make)


def event(number: int, text: str = "", lead: int | None = None) -> Event:
    identity = str(uuid4())
    payload = json.dumps({"event_id": identity, "timestamp": "2026-01-02T03:04:05Z", "text": text})
    return Event(number, identity, "lead.hold.created", number if lead is None else lead, payload)


@pytest.fixture
def opened(nats_server: NatsServer) -> Iterator[Callable[..., Sink]]:
    """Opens a sink into the stream `leads`; closed when the test ends."""
    sinks: list[Sink] = []

    def open_one(options: str = "?create=true&timeout=1") -> Sink:
        sinks.append(open_sink(f"{nats_server.url}/leads{options}", Database()))
        return sinks[-1]

    yield open_one
    for sink in sinks:
        sink.close()


def test_an_event_is_stored_once_with_its_envelope(
    nats_server: NatsServer, opened: Callable[..., Sink]
) -> None:
    sink = opened()
    events = [event(number, "ü" * number) for number in range(1, 2501)]
    assert sink.proves_delivery
    assert not sink.keeps_order
    assert sink.deliver(events) == {}
    assert sink.deliver(events[:10]) == {}  # a repetition
    found = stored(nats_server)
    assert [body for _, _, body in found] == [one.payload for one in events]
    subject, told, _ = found[0]
    assert subject == "leads.lead.hold.created"
    assert told == {
        "Nats-Msg-Id": events[0].event_id,
        "Nats-Expected-Stream": "leads",
        "ce-specversion": "1.0",
        "ce-id": events[0].event_id,
        "ce-source": "urn:leadguard",
        "ce-type": "lead.hold.created",
        "ce-time": "2026-01-02T03:04:05Z",
        "ce-subject": "lead/1",
        "content-type": "application/json",
    }


def test_an_event_too_large_is_refused_for_good_and_harms_no_other(
    nats_server: NatsServer, opened: Callable[..., Sink]
) -> None:
    sink = opened()
    # The server would count the headers, too, and close the connection.
    refused = sink.deliver([event(1), event(2, "x" * (1 << 20)), event(3, "x" * ((1 << 20) - 200)), event(4)])
    assert {number: refusal.is_final for number, refusal in refused.items()} == {2: True, 3: True}
    assert "1,048,576" in refused[2].reason
    assert len(stored(nats_server)) == 2


def test_what_is_too_large_for_the_stream_is_refused_for_good(
    nats_server: NatsServer, opened: Callable[..., Sink]
) -> None:
    make_stream(nats_server, max_msg_size=1000)
    refused = opened().deliver([event(1), event(2, "x" * 1000)])
    assert [(number, refusal.is_final) for number, refusal in refused.items()] == [(2, True)]


def test_a_stream_that_is_full_is_a_sink_that_failed(
    nats_server: NatsServer, opened: Callable[..., Sink]
) -> None:
    make_stream(nats_server, max_msgs=3, discard=DiscardPolicy.NEW)
    events = [event(number) for number in range(5)]
    with pytest.raises(SinkFailed, match="maximum messages exceeded") as failure:
        opened().deliver(events)
    assert failure.value.accepted == {0, 1, 2}


@pytest.mark.parametrize("options", ["?timeout=1", "?create=true&timeout=1"])
def test_a_stream_that_is_deleted_is_named_and_made_anew_where_that_is_wanted(
    options: str, nats_server: NatsServer, opened: Callable[..., Sink]
) -> None:
    make_stream(nats_server)
    sink = opened(options)
    assert sink.deliver([event(1)]) == {}
    ask(nats_server, lambda context, _: context.delete_stream("leads"))
    with pytest.raises(SinkFailed, match="there is no stream leads"):
        sink.deliver([event(2)])
    if "create" in options:
        assert opened(options).deliver([event(3)]) == {}
        assert len(stored(nats_server)) == 1


def test_events_never_end_up_in_another_stream(nats_server: NatsServer, opened: Callable[..., Sink]) -> None:
    async def make(context: JetStreamContext, _client: Client) -> None:
        await context.add_stream(StreamConfig(name="others", subjects=["leads.>"]))

    ask(nats_server, make)
    with pytest.raises(SinkFailed, match="expected stream does not match"):
        opened("?timeout=1").deliver([event(1)])


def test_a_broker_that_is_not_there_fails_fast_and_its_password_is_not_told(nats_server: NatsServer) -> None:
    nats_server.stop()
    url = nats_server.url.replace("nats://", "nats://me:s3cret@")
    started = time.monotonic()
    with pytest.raises(SinkFailed) as failure:
        open_sink(f"{url}/leads", Database())
    assert time.monotonic() - started < 5
    assert "s3cret" not in failure.value.render(as_json=False)
    assert "Connect call failed" in failure.value.message


@pytest.mark.parametrize("how", ["stop", "kill"])
def test_a_broker_that_comes_back_is_found_again(
    how: str, nats_server: NatsServer, opened: Callable[..., Sink]
) -> None:
    sink = opened()
    assert sink.deliver([event(1)]) == {}
    getattr(nats_server, how)()
    with pytest.raises(SinkFailed):
        sink.deliver([event(2)])
    nats_server.start()
    assert sink.deliver([event(3)]) == {}
    assert len(stored(nats_server)) == 2


def test_a_broker_that_hangs_is_given_up_after_the_timeout(
    nats_server: NatsServer, opened: Callable[..., Sink]
) -> None:
    sink = opened("?create=true&timeout=0.5")
    events = [event(number) for number in range(3)]
    nats_server.pause()
    state = Path(f"/proc/{nats_server.pid}/stat")
    eventually(lambda: state.read_text().rpartition(")")[2].split()[0] == "T", "it has stopped")
    with pytest.raises(SinkFailed, match="no acknowledgement"):
        sink.deliver(events)
    nats_server.resume()
    sink.close()
    assert opened().deliver(events) == {}
    assert [body for _, _, body in stored(nats_server)] == [one.payload for one in events]


@pytest.mark.parametrize(
    "rest", ["", "/", "/a.b", "/a b", "/leads?creat=true", "/leads?replicas=0", "/leads?window=x"]
)
def test_a_url_that_cannot_be_right_is_refused(rest: str) -> None:
    with pytest.raises(UsageProblem):
        open_sink(f"nats://127.0.0.1:1{rest}", Database())


def test_a_password_is_not_told_where_tls_was_asked_for_and_is_not_spoken(nats_server: NatsServer) -> None:
    url = f"{nats_server.url.replace('//', '//me:s3cret@')}/leads?tls=true"
    with pytest.raises(SinkFailed, match="speaks no TLS, and is told no password"):
        open_sink(url, Database())
    with pytest.raises(SourceFailed, match="speaks no TLS, and is told no password"):
        open_source(url)


def test_tls_is_checked_against_a_private_authority_and_the_name(monkeypatch: pytest.MonkeyPatch) -> None:
    with NatsServer(has_tls=True) as server:
        assert server.authority is not None
        authority = server.authority.certificate
        here = f"tls://127.0.0.1:{server.port}/leads?create=true"
        for url in (here, here.replace("tls:", "nats:")):
            with pytest.raises(SinkFailed, match=r"(?i)certificate verify failed"):
                open_sink(url, Database())
        with pytest.raises(SinkFailed, match=r"(?i)certificate verify failed.*localhost"):
            open_sink(f"{here.replace('127.0.0.1', 'localhost')}&cafile={authority}", Database())
        with pytest.raises(SourceFailed, match=r"(?i)certificate verify failed"):
            open_source(here.partition("?")[0])

        def delivers(url: str) -> bool:
            with closing(open_sink(url, Database())) as sink:
                return sink.deliver([event(1)]) == {}

        assert delivers(f"{here}&cafile={authority}")
        assert delivers(f"{here.replace('tls:', 'nats:')}&cafile={authority}")
        for name in ("SSL_CERT_FILE", "NATS_CA"):
            with monkeypatch.context() as patch:
                patch.setenv(name, str(authority))
                assert delivers(here), name
                open_source(here.partition("?")[0]).close()


def test_a_reminder_is_sent_when_the_stream_has_it(
    nats_server: NatsServer, opened: Callable[..., Sink], fresh_database: str, connect: Connect
) -> None:
    connection = connect(fresh_database)
    connection.execute(
        "insert into public.leads (user_id, created_at) values (7, now() - interval '65 days')"
    )
    connection.execute("select public.dispatch_due_reminders()")
    with Database(fresh_database).session() as session:
        assert publish(session, opened(), 100).acknowledged == 2
    assert connection.execute("select sent_at is not null from public.lead_reminders").fetchall() == [(True,)]
    kinds = [subject for subject, _, _ in stored(nats_server)]
    assert kinds == ["leads.lead.protection.activated", "leads.lead.protection.reminder"]
