"""`amqp://`: a topic exchange of RabbitMQ. What is accepted is confirmed, persistent, and in a queue."""

import logging
import ssl
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any

import pika
from pika.channel import Channel
from pika.delivery_mode import DeliveryMode
from pika.exceptions import AMQPError, ProbableAccessDeniedError, ProbableAuthenticationError
from pika.exchange_type import ExchangeType
from pika.spec import Basic, BasicProperties

from jobs.sinks import Event, Refusal, SinkFailed
from jobs.sinks.address import Address, parse
from jobs.sinks.cloudevent import headers

EXAMPLE = "amqp://leadguard:secret@rabbitmq.example:5672/lead-events?create=true"
OPTIONS = {"vhost", "create", "heartbeat", "timeout", "cafile", "certfile", "keyfile"}
CONNECT_SECONDS = 5.0
_HEARTBEAT_SECONDS = 30
# Without any confirmation for so long it counts as down; a lease lasts twice the longest.
_TIMEOUT_SECONDS = 15.0
_LONGEST_SECONDS = 25.0
# In flight at most. A new connection begins with one: what a broker in distress takes in and does not confirm
# is repeated, and shall not be repeated by the thousand.
_MOST_IN_FLIGHT = 2000


class AmqpSink:
    """Publishes with confirms and `mandatory`: accepted is what a queue has, on its disk where it is durable.

    The connection is kept by a thread of its own, so that heartbeats are answered while there is nothing
    to publish.
    """

    proves_delivery = True
    keeps_order = False

    def __init__(self, address: Address) -> None:
        self._address = address
        self._parameters = connection_parameters(address)
        self._creates = address.flag("create")
        self._timeout = address.seconds("timeout", _TIMEOUT_SECONDS, _LONGEST_SECONDS)
        if not address.path:
            raise address.wrong("the URL names no exchange")
        self._link = self._opened()

    def deliver(self, events: Sequence[Event]) -> Mapping[int, Refusal]:
        if self._link.has_ended:
            # Lost while nothing was under way: a restart of the broker in a quiet hour fails no pass.
            self._link = self._opened()
        batch = _Batch(events)
        self._link.publish(batch)
        batch.await_end(self._timeout)
        if batch.failure is not None:
            self._link.close()
            raise SinkFailed(f"{self._address.shown}: {batch.failure}", frozenset(batch.accepted))
        if batch.refused and not batch.accepted:
            # Unbound, full or failed: all that RabbitMQ ever says against an event speaks of its queues.
            reason = next(iter(batch.refused.values())).reason
            raise SinkFailed(f"{self._address.shown}: {reason}", doubted=batch.refused)
        return batch.refused

    def close(self) -> None:
        self._link.close()

    def _opened(self) -> "_Link":
        link = _Link(self._parameters, self._address.path, self._creates)
        if not link.await_ready(2 * CONNECT_SECONDS):
            reason = link.failure or "it does not answer"
            link.close()
            raise SinkFailed(f"{self._address.shown}: {reason}")
        return link


class _Batch:
    """Events under way, and what became of each; written by the link's thread, read when it is over."""

    def __init__(self, events: Sequence[Event]) -> None:
        self.waiting = list(reversed(events))
        self.accepted: set[int] = set()
        self.refused: dict[int, Refusal] = {}
        self.failure: str | None = None
        self._left = len(events)
        self._moved = threading.Condition()

    def accept(self, event: Event) -> None:
        with self._moved:
            self.accepted.add(event.id)
            self._settle()

    def refuse(self, event: Event, reason: str) -> None:
        with self._moved:
            self.refused[event.id] = Refusal(reason)
            self._settle()

    def _settle(self) -> None:
        self._left -= 1
        if not self._left:
            self._moved.notify_all()

    def fail(self, reason: str) -> None:
        with self._moved:
            self.failure = self.failure or reason
            self._moved.notify_all()

    def await_end(self, timeout: float) -> None:
        """Waits until all are settled, something failed, nothing moves any more, or a lease may run out."""
        deadline = time.monotonic() + _LONGEST_SECONDS
        with self._moved:
            while self._left and self.failure is None:
                before = self._left
                self._moved.wait(min(timeout, deadline - time.monotonic()))  # nobody is woken by each step
                if self._left == before or time.monotonic() >= deadline:
                    self.fail(f"no confirmation for {timeout:g} s")


class _Link:
    """One connection with one channel in confirm mode, and the thread that turns its loop.

    Whatever is named `_on_...` runs in that thread, and nothing else touches pika.
    """

    def __init__(self, parameters: pika.ConnectionParameters, exchange: str, creates: bool) -> None:
        self._exchange = exchange
        self._creates = creates
        self._settled = threading.Event()  # ready, or failed for good
        self._is_ready = False
        self.failure: str | None = None
        self._batch: _Batch | None = None
        self._limit = 1
        self._next_tag = 1
        self._in_flight: dict[int, Event] = {}  # by delivery tag, in their order
        self._returned: dict[str, str] = {}  # by event_id: why no queue took it
        self._blocked: str | None = None
        self._channel: Channel | None = None
        self._connection = pika.SelectConnection(
            parameters,
            on_open_callback=self._on_open,
            on_open_error_callback=lambda _connection, error: self._on_end(why(error)),
            on_close_callback=lambda _connection, error: self._on_end(why(error)),
        )
        self._connection.add_on_connection_blocked_callback(self._on_blocked)
        self._connection.add_on_connection_unblocked_callback(self._on_unblocked)
        self._thread = threading.Thread(target=self._turn, name="amqp", daemon=True)
        self._thread.start()

    # What the sink asks

    @property
    def has_ended(self) -> bool:
        return self.failure is not None

    def await_ready(self, seconds: float) -> bool:
        self._settled.wait(seconds)
        return self._is_ready and self.failure is None

    def publish(self, batch: _Batch) -> None:
        self._batch = batch
        if reason := self.failure or self._blocked:  # nobody else would tell this batch
            batch.fail(reason)
        self._call(self._send)

    def close(self) -> None:
        """Ends the connection; a broker that does not answer is not waited for."""
        self._call(self._on_close)
        self._thread.join(1)
        if self._thread.is_alive():
            self._call(self._connection.ioloop.stop)
            self._thread.join(1)

    def _call(self, work: Callable[[], None]) -> None:
        with suppress(Exception):  # the loop is closed: what failed then has been told
            self._connection.ioloop.add_callback_threadsafe(work)

    # What happens in the thread

    def _turn(self) -> None:
        try:
            self._connection.ioloop.start()
        except Exception as error:  # nobody is above a thread: the batch must hear of it
            self._on_end(f"{type(error).__name__}: {error}")
        finally:
            self._on_end("the connection was closed")

    def _on_open(self, connection: pika.SelectConnection) -> None:
        connection.channel(on_open_callback=self._on_channel)

    def _on_channel(self, channel: Channel) -> None:
        self._channel = channel
        channel.add_on_close_callback(lambda _channel, error: self._on_channel_closed(why(error)))
        channel.add_on_return_callback(self._on_return)
        channel.confirm_delivery(self._on_confirmation, lambda _frame: self._declare(channel))

    def _declare(self, channel: Channel) -> None:
        channel.exchange_declare(
            exchange=self._exchange,
            exchange_type=ExchangeType.topic,
            passive=not self._creates,
            durable=True,
            callback=self._on_ready,
        )

    def _on_ready(self, _frame: Any) -> None:
        self._is_ready = True
        self._settled.set()

    def _send(self) -> None:
        """As many as may be in flight."""
        batch, channel = self._batch, self._channel
        if batch is None or batch.failure or channel is None or self.failure:
            return
        while batch.waiting and len(self._in_flight) < self._limit:
            event = batch.waiting.pop()
            self._in_flight[self._next_tag] = event
            self._next_tag += 1
            channel.basic_publish(
                self._exchange,
                event.event_type,
                event.payload.encode("utf-8"),
                _properties(event),
                mandatory=True,
            )

    def _on_return(
        self, _channel: Channel, method: Basic.Return, properties: BasicProperties, _body: bytes
    ) -> None:
        # It comes before the confirmation of the same event, which says nothing of it.
        self._returned[str(properties.message_id)] = str(method.reply_text)

    def _on_confirmation(self, frame: Any) -> None:
        tag, is_taken = frame.method.delivery_tag, isinstance(frame.method, Basic.Ack)
        settled = list(self._in_flight) if frame.method.multiple else [tag]
        for each in settled:
            if each > tag:
                break
            if event := self._in_flight.pop(each, None):
                self._settle(event, is_taken)
        self._limit = min(2 * self._limit, _MOST_IN_FLIGHT)
        self._send()

    def _settle(self, event: Event, is_taken: bool) -> None:
        if self._batch is None:
            return
        returned = self._returned.pop(event.event_id, None)
        if not is_taken:
            self._batch.refuse(event, "RabbitMQ did not take it (nack): a queue is full, or failed")
        elif returned is not None:
            self._batch.refuse(event, f"no queue takes {event.event_type} from {self._exchange} ({returned})")
        else:
            self._batch.accept(event)

    def _on_blocked(self, _connection: Any, frame: Any) -> None:
        # It has read nothing since; what is unconfirmed may arrive later, and then twice.
        self._blocked = f"RabbitMQ blocks publishers: {frame.method.reason}"
        if self._batch is not None:
            self._batch.fail(self._blocked)

    def _on_unblocked(self, _connection: Any, _frame: Any) -> None:
        self._blocked = None

    def _on_channel_closed(self, reason: str) -> None:
        self._on_end(reason)
        if self._connection.is_open:
            self._connection.close()

    def _on_close(self) -> None:
        if self._connection.is_open:
            self._connection.close()
        elif self._connection.is_closed:
            self._connection.ioloop.stop()

    def _on_end(self, reason: str) -> None:
        """Only the first reason tells something."""
        self.failure = self.failure or reason
        if self._batch is not None:
            self._batch.fail(self.failure)
        self._settled.set()
        if self._connection.is_closed:
            self._connection.ioloop.stop()


def _properties(event: Event) -> BasicProperties:
    told: dict[str, Any] = headers(event)
    return BasicProperties(
        content_type=told.pop("content-type"),
        headers=told,
        delivery_mode=DeliveryMode.Persistent,
        message_id=event.event_id,
        type=event.event_type,
        app_id="leadguard",
    )


def why(error: BaseException | None) -> str:
    """An error of pika, which wraps the one that tells something, in one line."""
    reason: BaseException | None = error
    while reason is not None and not str(reason) and (inner := _wrapped(reason)) is not None:
        reason = inner
    if isinstance(error, ProbableAuthenticationError):
        return "user or password is wrong"
    if isinstance(error, ProbableAccessDeniedError):
        return "the user may not use this virtual host"
    text = " ".join(str(reason).split())
    return text or type(reason).__name__


def _wrapped(error: BaseException) -> BaseException | None:
    """What pika has wrapped in an error that says nothing itself, such as a certificate that is wrong."""
    # Of several attempts, by the addresses of a name, the last one.
    tried = getattr(error, "exceptions", None) or [each for each in error.args if isinstance(each, Exception)]
    return error.__cause__ or getattr(error, "exception", None) or (tried[-1] if tried else None)


def connection_parameters(address: Address) -> pika.ConnectionParameters:
    """What pika needs to connect; TLS with the names checked for amqps://."""
    heartbeat = address.whole("heartbeat", _HEARTBEAT_SECONDS, 3600)
    options = None
    if address.scheme == "amqps":
        try:
            context = ssl.create_default_context(cafile=address.options.get("cafile"))
            if certificate := address.options.get("certfile"):
                context.load_cert_chain(certificate, address.options.get("keyfile"))
        except (OSError, ssl.SSLError) as error:
            raise address.wrong(f"the certificates cannot be read: {error}") from error
        options = pika.SSLOptions(context, address.host)
    return pika.ConnectionParameters(
        host=address.host,
        port=address.port,
        virtual_host=address.options.get("vhost", "/"),
        credentials=pika.PlainCredentials(address.user or "guest", address.password or "guest"),
        heartbeat=heartbeat,
        socket_timeout=CONNECT_SECONDS,
        stack_timeout=2 * CONNECT_SECONDS,
        ssl_options=options,
        client_properties={"product": "leadguard", "connection_name": "leadguard publish"},
    )


def to_exchange(url: str) -> AmqpSink:
    port = 5671 if url.startswith("amqps:") else 5672
    address = parse(url, port, OPTIONS, EXAMPLE)
    logging.getLogger("pika").setLevel(logging.CRITICAL)  # what fails is told once, by us
    try:
        return AmqpSink(address)
    except AMQPError as error:
        raise SinkFailed(f"{address.shown}: {why(error)}") from error
