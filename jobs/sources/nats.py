"""`nats://host/stream`: a durable pull consumer of NATS JetStream, acknowledged one by one."""

import asyncio
import logging
import threading
from collections.abc import Coroutine, Sequence
from contextlib import suppress
from typing import Any, TypeVar

from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.errors import Error as NatsError
from nats.js.api import AckPolicy, ConsumerConfig
from nats.js.errors import NotFoundError

from jobs.sinks.address import Address, parse
from jobs.sinks.nats import OPTIONS as SINK_OPTIONS
from jobs.sinks.nats import connection_options, guarded, is_encrypted
from jobs.sources import Message, SourceFailed

EXAMPLE = "nats://leadguard:secret@nats.example:4222/module02?subject=module02.leads.>&durable=leadguard"
OPTIONS = (SINK_OPTIONS - {"create", "replicas", "window", "timeout"}) | {"subject", "durable"}
_SECONDS = 5.0
# A consumer that vanished keeps what it had so long; then another gets it.
_ACK_WAIT_SECONDS = 60.0
_AGAIN_SECONDS = 2.0

T = TypeVar("T")


class NatsSource:
    """The durable consumer is made when it is missing, and shared by all processes that name it.

    The connection lives in a loop of its own thread, so that the server's pings are answered while the
    database is at work.
    """

    def __init__(self, address: Address) -> None:
        self.shown = address.shown
        self._stream = address.path
        if not self._stream:
            raise address.wrong("the URL names no stream")
        self._durable = address.options.get("durable") or "leadguard"
        self._subject = address.options.get("subject") or None
        self._client = Client()
        self._trouble: Exception | None = None  # what the client has met last
        options = connection_options(address)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="nats-source", daemon=True)
        self._thread.start()
        try:
            self._subscription = self._run(self._subscribe(options), 2 * _SECONDS)
        except BaseException:
            self.close()
            raise

    def receive(self, most: int, seconds: float) -> Sequence[Message]:
        if not self._client.is_connected:
            raise SourceFailed(f"{self.shown}: the connection was lost")
        found = self._run(self._fetch(most, max(seconds, 0.05)), seconds + _SECONDS)
        return [self._message(message) for message in found]

    def _message(self, message: Msg) -> Message:
        return Message(
            message.data,
            lambda: self._run(message.ack(), _SECONDS),
            lambda: self._run(message.nak(_AGAIN_SECONDS), _SECONDS),
        )

    def close(self) -> None:
        with suppress(SourceFailed):
            if self._client.is_connected:
                self._run(self._client.flush(1), 1.0)  # acknowledgements that are still on their way
                self._run(self._client.close(), 1.0)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(1.0)
        if not self._loop.is_running():
            self._loop.close()

    # In the loop

    def _run(self, work: Coroutine[Any, Any, T], seconds: float) -> T:
        future = asyncio.run_coroutine_threadsafe(work, self._loop)
        try:
            return future.result(seconds)
        except TimeoutError:
            future.cancel()
            raise SourceFailed(f"{self.shown}: no answer for {seconds:g} s") from None
        except (OSError, NatsError, ValueError) as error:
            reason = self._trouble if isinstance(self._trouble, OSError) else error
            raise SourceFailed(f"{self.shown}: {str(reason) or type(reason).__name__}") from error

    async def _subscribe(self, options: dict[str, Any]) -> Any:
        await self._client.connect(
            **guarded(self._client, options),
            name="leadguard consume",
            allow_reconnect=False,
            max_reconnect_attempts=1,
            reconnect_time_wait=0,
            connect_timeout=int(_SECONDS),
            error_cb=self._note,
        )
        if "tls" in options and not is_encrypted(self._client):
            raise OSError("the server speaks no TLS")
        stream = self._client.jetstream(timeout=_SECONDS)
        try:
            await stream.consumer_info(self._stream, self._durable)
        except NotFoundError:
            config = ConsumerConfig(
                durable_name=self._durable,
                ack_policy=AckPolicy.EXPLICIT,
                ack_wait=_ACK_WAIT_SECONDS,
                max_deliver=-1,  # what cannot be applied is set aside by us, with its reason
                filter_subject=self._subject,
            )
            await stream.add_consumer(self._stream, config)
        return await stream.pull_subscribe_bind(self._durable, self._stream)

    async def _fetch(self, most: int, seconds: float) -> list[Msg]:
        try:
            found: list[Msg] = await self._subscription.fetch(most, timeout=seconds)
        except TimeoutError:  # the client's own, or asyncio's: it raises either
            return []
        return found

    async def _note(self, error: Exception) -> None:
        self._trouble = error


def from_stream(url: str) -> NatsSource:
    logging.getLogger("nats").setLevel(logging.CRITICAL)
    return NatsSource(parse(url, 4222, OPTIONS, EXAMPLE))
