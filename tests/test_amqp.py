"""RabbitMQ: what the sink `amqp:` says it delivered is in a queue, whatever happens to the broker."""

from __future__ import annotations

import itertools
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from typing import Any
from uuid import uuid4

import pika
import psycopg
import pytest
from pika.adapters.blocking_connection import BlockingChannel

from jobs.database import Database
from jobs.errors import UsageProblem
from jobs.publish import publish
from jobs.sinks import Event, Sink, SinkFailed, open_sink
from jobs.sources import SourceFailed, open_source
from tests.brokers import RabbitServer
from tests.daemon import eventually
from tests.kills import prove
from tests.test_consume import activity, created, drained, encoded

Connect = Callable[..., psycopg.Connection[Any]]

_names = itertools.count(1)


def events(count: int, first: int = 1) -> list[Event]:
    return [
        Event(n, str(uuid4()), "lead.hold.created", n, json.dumps({"event_id": str(n), "text": "Küche"}))
        for n in range(first, first + count)
    ]


@contextmanager
def channel_to(server: RabbitServer) -> Iterator[BlockingChannel]:
    with pika.BlockingConnection(pika.URLParameters(server.url)) as connection:
        yield connection.channel()


class Exchange:
    """A durable topic exchange, with a durable queue behind it unless the test binds its own."""

    def __init__(self, server: RabbitServer, *, is_bound: bool = True) -> None:
        self.server = server
        self.name = f"events-{next(_names)}"
        with channel_to(server) as channel:
            channel.exchange_declare(self.name, "topic", durable=True)
            if is_bound:
                self.bind(channel)

    def bind(self, channel: BlockingChannel, **arguments: Any) -> None:
        channel.queue_declare(self.name, durable=True, arguments=arguments)
        channel.queue_bind(self.name, self.name, "#")

    def url(self, **options: Any) -> str:
        query = "&".join(f"{name}={value}" for name, value in {"timeout": 3, **options}.items())
        return f"{self.server.url}/{self.name}?{query}"

    def sink(self, **options: Any) -> Sink:
        return open_sink(self.url(**options), Database())

    def messages(self) -> list[tuple[pika.BasicProperties, bytes]]:
        """What the queue holds; it is empty then."""
        found: list[tuple[pika.BasicProperties, bytes]] = []
        with channel_to(self.server) as channel:
            while True:
                _, properties, body = channel.basic_get(self.name, auto_ack=True)
                if properties is None or body is None:
                    return found
                found.append((properties, body))

    def ids(self) -> list[str]:
        return [str(properties.message_id) for properties, _ in self.messages()]


@pytest.fixture
def exchange(rabbitmq: RabbitServer) -> Exchange:
    return Exchange(rabbitmq)


def test_what_is_delivered_is_the_events_own_bytes_in_its_envelope_and_survives_a_crash(
    exchange: Exchange,
) -> None:
    given = events(3)
    sink = exchange.sink()
    assert sink.proves_delivery
    assert sink.deliver(given) == {}
    sink.close()
    exchange.server.kill()
    exchange.server.start()
    found = exchange.messages()
    assert [body.decode() for _, body in found] == [event.payload for event in given]
    properties = found[0][0]
    assert (properties.message_id, properties.type) == (given[0].event_id, "lead.hold.created")
    assert (properties.content_type, properties.delivery_mode) == ("application/json", 2)
    assert properties.headers == {
        "ce-specversion": "1.0",
        "ce-id": given[0].event_id,
        "ce-type": "lead.hold.created",
        "ce-source": "urn:leadguard",
        "ce-subject": "lead/1",
    }


def test_thousands_are_in_flight_together_and_keep_their_order(exchange: Exchange) -> None:
    given = events(5000)
    sink = exchange.sink()
    started = time.monotonic()
    assert sink.deliver(given) == {}
    took = time.monotonic() - started
    sink.close()
    assert exchange.ids() == [event.event_id for event in given]
    assert took < 10, "each waited for the one before it"


def test_an_exchange_that_is_not_there_is_named_and_made_when_told_to(rabbitmq: RabbitServer) -> None:
    url = f"{rabbitmq.url}/new-{next(_names)}"
    with pytest.raises(SinkFailed, match="no exchange"):
        open_sink(url, Database())
    open_sink(f"{url}?create=true", Database()).close()
    open_sink(url, Database()).close()


def test_an_event_that_no_queue_takes_is_refused_alone_and_taken_once_one_does(
    rabbitmq: RabbitServer,
) -> None:
    exchange = Exchange(rabbitmq, is_bound=False)
    with channel_to(rabbitmq) as channel:
        channel.queue_declare(exchange.name, durable=True)
        channel.queue_bind(exchange.name, exchange.name, "lead.hold.*")
    taken, unroutable = events(2)
    unroutable = unroutable._replace(event_type="lead.protection.expired")
    sink = exchange.sink()
    refused = sink.deliver([taken, unroutable])
    assert list(refused) == [unroutable.id]
    assert "no queue takes lead.protection.expired" in refused[unroutable.id].reason
    assert not refused[unroutable.id].is_final
    with channel_to(rabbitmq) as channel:
        channel.queue_bind(exchange.name, exchange.name, "#")
    assert sink.deliver([unroutable]) == {}
    sink.close()
    assert exchange.ids() == [taken.event_id, unroutable.event_id]


def test_while_no_queue_takes_anything_no_event_is_given_up_and_then_all_go_out(
    rabbitmq: RabbitServer, fresh_database: str, connect: Connect
) -> None:
    exchange = Exchange(rabbitmq, is_bound=False)
    connection = connect(fresh_database)
    connection.execute("update public.settings set value = '1' where name = 'outbox_max_attempts'")
    connection.execute("insert into public.leads (user_id) select 7 from generate_series(1, 20)")
    with Database(fresh_database).session() as session, closing(exchange.sink()) as sink:
        for _ in range(3):
            with pytest.raises(SinkFailed, match=r"no queue takes lead\.protection\.activated"):
                publish(session, sink, 500)
        with channel_to(rabbitmq) as channel:
            exchange.bind(channel)
        assert publish(session, sink, 500).acknowledged == 20
        with channel_to(rabbitmq) as channel:
            channel.queue_unbind(exchange.name, exchange.name, "#")
            channel.queue_bind(exchange.name, exchange.name, "*.protection.*")
        connection.execute(
            "call public.create_lead_hold(1, 7, 'price list'); delete from public.leads where id = 2"
        )
        result = publish(session, sink, 500)
    assert (result.acknowledged, result.dead_lettered) == (1, 1), "among others that are taken it counts"


def test_a_queue_that_is_full_refuses(rabbitmq: RabbitServer) -> None:
    exchange = Exchange(rabbitmq, is_bound=False)
    with channel_to(rabbitmq) as channel:
        exchange.bind(channel, **{"x-max-length": 2, "x-overflow": "reject-publish"})
    given = events(4)
    sink = exchange.sink()
    refused = sink.deliver(given)
    sink.close()
    assert set(refused) <= {3, 4}
    assert all("nack" in refusal.reason for refusal in refused.values())
    assert len(refused) >= 1
    assert exchange.ids() == [event.event_id for event in given if event.id not in refused]


def test_an_exchange_that_is_deleted_meanwhile_is_a_sink_that_is_down(exchange: Exchange) -> None:
    sink = exchange.sink()
    assert sink.deliver(events(1)) == {}
    with channel_to(exchange.server) as channel:
        channel.exchange_delete(exchange.name)
    with pytest.raises(SinkFailed, match="no exchange"):
        sink.deliver(events(1))
    sink.close()


def test_a_broker_that_stops_is_a_sink_that_is_down_and_one_that_is_back_goes_on(exchange: Exchange) -> None:
    sink = exchange.sink()
    assert sink.deliver(events(1)) == {}
    exchange.server.stop()
    started = time.monotonic()
    with pytest.raises(SinkFailed):
        sink.deliver(events(1))
    with pytest.raises(SinkFailed):
        exchange.sink()
    assert time.monotonic() - started < 5, "a refused connection is known at once"
    exchange.server.start()
    assert sink.deliver(events(1)) == {}, "it connects anew by itself"
    sink.close()


def test_a_broker_that_hangs_is_given_up_and_what_it_confirmed_is_named(exchange: Exchange) -> None:
    sink = exchange.sink(timeout=1)
    assert sink.deliver(events(1)) == {}
    exchange.server.pause()
    with pytest.raises(SinkFailed, match="no confirmation for 1 s") as failed:
        sink.deliver(events(50))
    assert failed.value.accepted == frozenset()
    exchange.server.resume()
    given = events(50)
    assert sink.deliver(given) == {}
    sink.close()
    assert set(exchange.ids()) >= {event.event_id for event in given}


def test_a_broker_killed_under_way_has_what_counts_as_accepted(exchange: Exchange) -> None:
    given = events(20_000)
    sink = exchange.sink(timeout=5)
    killer = threading.Timer(0.2, exchange.server.kill)
    killer.start()
    with pytest.raises(SinkFailed) as failed:
        sink.deliver(given)
    killer.join()
    sink.close()
    exchange.server.start()
    by_id = {event.id: event.event_id for event in given}
    assert {by_id[number] for number in failed.value.accepted} <= set(exchange.ids())


def test_a_broker_short_of_memory_is_a_sink_that_is_down(exchange: Exchange) -> None:
    sink = exchange.sink()
    exchange.server.control("set_vm_memory_high_watermark", "0.00001")
    try:
        with pytest.raises(SinkFailed, match=r"blocks publishers|no confirmation"):
            sink.deliver(events(100))
    finally:
        exchange.server.control("set_vm_memory_high_watermark", "0.4")
    given = events(100)
    eventually(lambda: _delivers(sink, given), "the broker takes events again")
    sink.close()
    found = exchange.ids()
    assert len(found) < 150, "what it did not confirm was not sent by the hundred"


def _delivers(sink: Sink, given: list[Event]) -> bool:
    try:
        return sink.deliver(given) == {}
    except SinkFailed:
        return False


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("amqp://guest:guest@127.0.0.1", "no exchange"),
        ("amqp://127.0.0.1/events?vhots=a", "unknown option vhots"),
        ("amqp://127.0.0.1/events?heartbeat=no", "whole number"),
        ("amqp://127.0.0.1/events?timeout=nan", "number of seconds"),
        ("amqp://guest:geheim@127.0.0.1:port/events", "cannot be read"),
        ("amqp:///events", "no host"),
        ("amqps://127.0.0.1/events?cafile=/nonexistent", "certificates cannot be read"),
    ],
)
def test_a_url_that_is_wrong_is_refused_without_its_password(url: str, says: str) -> None:
    with pytest.raises(UsageProblem, match=says) as refused:
        open_sink(url, Database())
    assert "geheim" not in refused.value.render(as_json=False)


def test_tls_is_checked_against_a_private_authority_and_the_name(
    exchange: Exchange, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = exchange.server
    authority = server.authority.certificate
    here = f"amqps://guest:guest@127.0.0.1:{server.tls_port}/{exchange.name}"
    with pytest.raises(SinkFailed, match=r"(?i)certificate verify failed"):
        open_sink(here, Database())
    with pytest.raises(SinkFailed, match=r"(?i)certificate verify failed.*localhost"):
        open_sink(f"{here.replace('127.0.0.1', 'localhost')}?cafile={authority}", Database())
    with pytest.raises(SourceFailed, match=r"(?i)certificate verify failed"):
        open_source(here)
    with closing(open_sink(f"{here}?cafile={authority}", Database())) as sink:
        assert sink.deliver(events(2)) == {}
    monkeypatch.setenv("SSL_CERT_FILE", str(authority))
    with closing(open_sink(here, Database())) as sink:
        assert sink.deliver(events(1)) == {}
    with closing(open_source(here)) as source:
        assert len(source.receive(3, 5.0)) >= 1


def test_a_port_where_nobody_listens_is_told() -> None:
    with socket.socket() as unheard:
        unheard.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{unheard.getsockname()[1]}/events"
        with pytest.raises(SinkFailed, match=f"amqp://{address}: .*Connection refused"):
            open_sink(f"amqp://{address}", Database())
        with pytest.raises(SourceFailed, match=f"amqp://{address}: .*Connection refused"):
            open_source(f"amqp://{address}")


def test_a_wrong_password_is_told_without_it(rabbitmq: RabbitServer) -> None:
    url = rabbitmq.url.replace("guest:guest", "guest:gehe%2Fim")
    with pytest.raises(SinkFailed, match="user or password is wrong") as failed:
        open_sink(f"{url}/events", Database())
    assert "gehe" not in failed.value.render(as_json=False)


def test_the_outbox_is_drained_in_order_per_lead(
    exchange: Exchange, fresh_database: str, connect: Connect
) -> None:
    connection = connect(fresh_database)
    connection.execute("insert into public.leads (user_id) select 7 from generate_series(1, 50)")
    connection.execute("update public.leads set user_id = 8")
    database = Database(fresh_database)
    with database.session() as session:
        sink = exchange.sink()
        assert publish(session, sink, 500).left_unacknowledged == 0
        sink.close()
    found = [json.loads(body) for _, body in exchange.messages()]
    archived = connection.execute("select event_id::text from public.outbox_archive order by lead_id, id")
    by_lead = sorted(found, key=lambda event: event["lead_id"])
    assert [event["event_id"] for event in by_lead] == [row[0] for row in archived]


def test_killed_publishers_lose_nothing_and_keep_each_leads_order(
    exchange: Exchange, fresh_database: str, connect: Connect
) -> None:
    prove(fresh_database, connect(fresh_database), Bound(exchange))


class Bound:
    """What the queue behind the exchange has."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        self.url = exchange.url(timeout=15)

    def delivered(self) -> list[str]:
        return [body.decode("utf-8") for _, body in self._exchange.messages()]


# --- events that come in ----------------------------------------------------------------------------------


def test_a_queue_is_consumed_each_event_once_and_acknowledged_after_its_commit(
    exchange: Exchange, fresh_database: str, connect: Connect
) -> None:
    connection = connect(fresh_database)
    lead = created(1)
    with channel_to(exchange.server) as channel:
        for body in (lead, lead, created(2), b"poison", activity(1)):
            channel.basic_publish("", exchange.name, encoded(body))
    url = f"{exchange.server.url}/{exchange.name}"
    # One that dies with all of them in hand, three applied: the broker delivers all of them again.
    with closing(open_source(url)) as dying, Database(fresh_database).session() as session:
        for message in dying.receive(100, 5.0)[:3]:
            session.execute("select public.handle_module_event(%s::jsonb)", [message.body.decode()])
    did = drained(fresh_database, url)
    assert (did.applied, did.duplicates, did.dead_lettered) == (1, 3, 1)
    counted = "select (select count(*) from public.leads), (select count(*) from public.lead_activities)"
    assert connection.execute(counted).fetchone() == (2, 1)
    assert exchange.messages() == []
    with pytest.raises(SourceFailed, match="no queue"):
        open_source(f"{exchange.server.url}/missing")
