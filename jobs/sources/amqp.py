"""`amqp://host/queue`: a queue of RabbitMQ, acknowledged by hand; the queue must exist."""

import logging
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import pika
from pika.adapters.blocking_connection import BlockingChannel
from pika.exceptions import AMQPError

from jobs.sinks.address import Address, parse
from jobs.sinks.amqp import connection_parameters, why
from jobs.sources import Message, SourceFailed

EXAMPLE = "amqp://leadguard:secret@rabbitmq.example:5672/module02-events"
OPTIONS = {"vhost", "heartbeat", "prefetch", "cafile", "certfile", "keyfile"}
# So many are in hand at most; a consumer that dies leaves so many to be delivered again.
_PREFETCH = 200


class AmqpSource:
    """What is not acknowledged when the connection ends, the broker delivers again by itself."""

    def __init__(self, address: Address) -> None:
        self.shown = address.shown
        if not address.path:
            raise address.wrong("the URL names no queue")
        prefetch = address.whole("prefetch", _PREFETCH, 65_535)
        parameters = connection_parameters(address)
        self._arrived: deque[Message] = deque()
        self._is_cancelled = False
        try:
            self._connection = pika.BlockingConnection(parameters)
            self._channel: BlockingChannel = self._connection.channel()
            self._channel.queue_declare(address.path, passive=True)
            self._channel.basic_qos(prefetch_count=prefetch)
            self._channel.add_on_cancel_callback(self._on_cancel)
            self._channel.basic_consume(address.path, self._on_message)
        except (AMQPError, OSError) as error:
            raise SourceFailed(f"{self.shown}: {why(error)}") from error

    def receive(self, most: int, seconds: float) -> Sequence[Message]:
        try:
            if not self._arrived:
                self._connection.process_data_events(time_limit=seconds)
            else:
                self._connection.process_data_events(time_limit=0)  # heartbeats are answered here
        except (AMQPError, OSError) as error:
            raise SourceFailed(f"{self.shown}: {why(error)}") from error
        if self._is_cancelled:
            raise SourceFailed(f"{self.shown}: the queue is gone")
        return [self._arrived.popleft() for _ in range(min(most, len(self._arrived)))]

    def _on_message(self, channel: BlockingChannel, method: Any, _properties: Any, body: bytes) -> None:
        tag = method.delivery_tag
        self._arrived.append(
            Message(
                body,
                lambda: self._tell(lambda: channel.basic_ack(tag)),
                lambda: self._tell(lambda: channel.basic_nack(tag, requeue=True)),
            )
        )

    def _tell(self, say: Any) -> None:
        try:
            say()
        except (AMQPError, OSError) as error:
            raise SourceFailed(f"{self.shown}: {why(error)}") from error

    def _on_cancel(self, _method: Any) -> None:
        self._is_cancelled = True

    def close(self) -> None:
        with suppress(AMQPError, OSError):
            self._connection.close()


def from_queue(url: str) -> AmqpSource:
    logging.getLogger("pika").setLevel(logging.CRITICAL)  # what fails is told once, by us
    return AmqpSource(parse(url, 5671 if url.startswith("amqps:") else 5672, OPTIONS, EXAMPLE))
