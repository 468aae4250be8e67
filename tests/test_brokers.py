"""The brokers of the tests come back with what they had: what the proofs of the sinks rest on."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import TypeVar

import nats
import pika
import pytest
from pika.exceptions import AMQPError

from tests.brokers import NatsServer, RabbitServer

Result = TypeVar("Result")


def within(work: Awaitable[Result]) -> Result:
    async def limited() -> Result:
        return await asyncio.wait_for(work, 30)

    return asyncio.run(limited())


def test_a_nats_server_that_was_killed_has_its_stream_again(nats_server: NatsServer) -> None:
    async def publish(*, is_new: bool) -> int:
        connection = await nats.connect(nats_server.url)
        stream = connection.jetstream()
        if is_new:
            await stream.add_stream(name="kept", subjects=["kept.>"])
        sequence = (await stream.publish("kept.one", b"{}")).seq
        await connection.close()
        return sequence

    assert within(publish(is_new=True)) == 1
    nats_server.kill()
    nats_server.start()
    assert within(publish(is_new=False)) == 2


def test_a_rabbitmq_that_was_killed_or_paused_has_its_queue_again(rabbitmq: RabbitServer) -> None:
    parameters = pika.URLParameters(f"{rabbitmq.url}/%2F?blocked_connection_timeout=5&socket_timeout=2")

    def connection() -> pika.BlockingConnection:
        return pika.BlockingConnection(parameters)

    with connection() as first:
        channel = first.channel()
        channel.confirm_delivery()
        channel.queue_declare("kept", durable=True)
        channel.basic_publish("", "kept", b"{}", pika.BasicProperties(delivery_mode=2), mandatory=True)
    rabbitmq.kill()
    with pytest.raises(AMQPError):
        connection()
    rabbitmq.start()
    rabbitmq.pause()
    rabbitmq.resume()
    with connection() as second:
        assert second.channel().basic_get("kept", auto_ack=True)[2] == b"{}"
