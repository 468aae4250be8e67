"""`nats://host:4222/STREAM`: NATS JetStream. What is accepted is in the stream, once within its dedup window.

An event goes to the subject STREAM.<event type> (`leads.lead.hold.created`) with its event_id as
`Nats-Msg-Id` and the envelope of CloudEvents in headers.
"""

import asyncio
import json
import logging
import os
import ssl
import threading
import time
from collections.abc import Coroutine, Mapping, Sequence
from concurrent.futures import Future
from contextlib import suppress
from typing import Any, TypeVar

from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.errors import Error as NatsError
from nats.js.api import RetentionPolicy, StorageType, StreamConfig
from nats.js.errors import APIError, NotFoundError

from jobs.sinks import Event, Refusal, SinkFailed
from jobs.sinks.address import Address, parse
from jobs.sinks.cloudevent import headers

EXAMPLE = "nats://leadguard:secret@nats.example:4222/leads?create=true"
OPTIONS = {
    "create",
    "replicas",
    "window",
    "timeout",
    "servers",
    "creds",
    "tls",
    "cafile",
    "certfile",
    "keyfile",
}
CONNECT_SECONDS = 5.0
# Without any acknowledgement for so long it counts as down; a lease lasts twice the longest.
_TIMEOUT_SECONDS = 10.0
_LONGEST_SECONDS = 25.0
# In flight at most; so many are repeated, and recognised, after a broker that was down.
_MOST_IN_FLIGHT = 1000
# How long a stream made by us knows an event_id: longer than any outage that a repetition follows.
_WINDOW_SECONDS = 600.0
# A header line beside its name and value, and what surrounds them all.
_LINE_BYTES, _FRAME_BYTES = 4, 12
# Of JetStream's error codes these are about one message; the others are about the stream, or all of it.
_TOO_LARGE_FOR_STREAM = 10054
_NO_RESPONDERS = "503"

T = TypeVar("T")


class NatsSink:
    """Publishes to JetStream and waits for its acknowledgements, many in flight.

    The connection lives in a loop of its own thread, so that the server's pings are answered while there is
    nothing to publish. It is never mended behind our back: one that is lost fails the call, and the next
    one opens another.
    """

    proves_delivery = True
    keeps_order = False

    def __init__(self, address: Address) -> None:
        self._address = address
        self._stream = address.path
        if not self._stream or not self._stream.replace("-", "").replace("_", "").isalnum():
            raise address.wrong("the URL names no stream: letters, digits, - and _")
        self._timeout = address.seconds("timeout", _TIMEOUT_SECONDS, _LONGEST_SECONDS)
        self._creates = address.flag("create")
        self._config = StreamConfig(
            name=self._stream,
            subjects=[f"{self._stream}.>"],
            storage=StorageType.FILE,
            retention=RetentionPolicy.LIMITS,
            num_replicas=address.whole("replicas", 1, 5),
            duplicate_window=address.seconds("window", _WINDOW_SECONDS, 7 * 86_400.0),
        )
        self._options = connection_options(address)
        self._link: _Link | None = None
        self._opened()

    def deliver(self, events: Sequence[Event]) -> Mapping[int, Refusal]:
        return self._opened().deliver(events, self._timeout)

    def close(self) -> None:
        if self._link is not None:
            self._link.close()
            self._link = None

    def _opened(self) -> "_Link":
        # Lost while nothing was under way: a restart of the broker in a quiet hour fails no pass.
        if self._link is not None and self._link.is_lost:
            self.close()
        if self._link is None:
            self._link = _Link(self._address.shown, self._stream, "tls" in self._options)
            try:
                self._link.open(self._options, self._config if self._creates else None)
            except BaseException:
                self.close()
                raise
        return self._link


class _Link:
    """One connection, and the thread whose loop it lives in."""

    def __init__(self, shown: str, stream: str, wants_tls: bool) -> None:
        self._shown = shown
        self._stream = stream
        self._wants_tls = wants_tls
        self._client = Client()
        self._trouble: Exception | None = None  # what the client has met last
        self._inbox = ""
        self._number = 0
        self._batch: _Batch | None = None
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="nats", daemon=True)
        self._thread.start()

    @property
    def is_lost(self) -> bool:
        return self._client.is_closed or not self._client.is_connected

    def open(self, options: Mapping[str, Any], config: StreamConfig | None) -> None:
        self._run(self._connect(options, config), 2 * CONNECT_SECONDS)

    def deliver(self, events: Sequence[Event], timeout: float) -> Mapping[int, Refusal]:
        batch = _Batch()
        try:
            self._run(self._publish(events, batch, timeout), _LONGEST_SECONDS + CONNECT_SECONDS)
        except SinkFailed as failure:
            raise SinkFailed(failure.message, frozenset(batch.accepted)) from failure
        return batch.refused

    def close(self) -> None:
        if self._client.is_connected:  # closing what TLS has ended already would wait for ever
            with suppress(SinkFailed):
                self._run(self._client.close(), 1.0)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(1.0)
        if not self._loop.is_running():
            self._loop.close()

    def _run(self, work: Coroutine[Any, Any, T], seconds: float) -> T:
        """Does it in the loop; whatever goes wrong is a sink that is down."""
        future: Future[T] = asyncio.run_coroutine_threadsafe(work, self._loop)
        try:
            return future.result(seconds)
        except SinkFailed:
            raise
        except TimeoutError:
            future.cancel()
            raise self._failed(str(self._trouble or "") or f"no answer for {seconds:g} s") from None
        except (OSError, NatsError, ValueError) as error:
            reason = self._trouble if isinstance(self._trouble, OSError) else error
            raise self._failed(str(reason) or type(reason).__name__) from error

    def _failed(self, reason: str) -> SinkFailed:
        return SinkFailed(f"{self._shown}: {reason}")

    # In the loop

    async def _connect(self, options: Mapping[str, Any], config: StreamConfig | None) -> None:
        await self._client.connect(
            **guarded(self._client, options),
            name="leadguard",
            allow_reconnect=False,
            max_reconnect_attempts=1,
            reconnect_time_wait=0,
            connect_timeout=int(CONNECT_SECONDS),
            error_cb=self._note,
        )
        if self._wants_tls and not is_encrypted(self._client):
            raise self._failed("the server speaks no TLS")
        if config is not None:
            await self._create(config)
        self._inbox = self._client.new_inbox()
        answers = await self._client.subscribe(f"{self._inbox}.*", cb=self._on_answer)
        # Bounded by what we have in flight; the default would bound the bytes as well.
        answers._pending_bytes_limit = 0
        await self._client.flush(int(CONNECT_SECONDS))

    async def _note(self, error: Exception) -> None:
        self._trouble = error

    async def _create(self, config: StreamConfig) -> None:
        context = self._client.jetstream(timeout=CONNECT_SECONDS)
        try:
            await context.stream_info(self._stream)  # one that is there stays as it is
        except NotFoundError:
            with suppress(APIError):  # another publisher may have been first; if not, publishing tells
                await context.add_stream(config)

    async def _publish(self, events: Sequence[Event], batch: "_Batch", timeout: float) -> None:
        self._batch = batch
        deadline = time.monotonic() + _LONGEST_SECONDS
        try:
            for event in events:
                if len(batch.waiting) >= _MOST_IN_FLIGHT:
                    await self._await(batch, _MOST_IN_FLIGHT // 2, timeout, deadline)
                await self._send(event, batch)
            await self._await(batch, 0, timeout, deadline)
        finally:
            self._batch = None

    async def _send(self, event: Event, batch: "_Batch") -> None:
        told = headers(event)
        told["Nats-Msg-Id"] = event.event_id
        told["Nats-Expected-Stream"] = self._stream
        payload = event.payload.encode("utf-8")
        most = self._client.max_payload
        if len(payload) > most // 2:  # only then is it worth counting
            size = _FRAME_BYTES + sum(len(name) + len(text) + _LINE_BYTES for name, text in told.items())
            if size + len(payload) > most:
                reason = f"{size + len(payload):,} bytes; the server takes {most:,}"
                batch.refused[event.id] = Refusal(reason, is_final=True)
                return
        self._number += 1
        token = str(self._number)
        batch.waiting[token] = event.id
        await self._client.publish(
            f"{self._stream}.{event.event_type}", payload, reply=f"{self._inbox}.{token}", headers=told
        )

    async def _await(self, batch: "_Batch", most: int, timeout: float, deadline: float) -> None:
        """Waits until so few are in flight; no acknowledgement for a while is a broker that is down."""
        while len(batch.waiting) > most and batch.failure is None:
            before = len(batch.waiting)
            batch.enough, batch.moved = most, asyncio.get_running_loop().create_future()
            seconds = min(timeout, deadline - time.monotonic())
            with suppress(TimeoutError, asyncio.TimeoutError):
                await asyncio.wait_for(batch.moved, min(seconds, 0.5))
            if self.is_lost:
                reason = str(self._trouble or "") or "the connection is lost"
                raise self._failed(reason)
            now = time.monotonic()
            if len(batch.waiting) < before:
                batch.moved_at = now
            if now - batch.moved_at >= timeout or now >= deadline:
                raise self._failed(f"no acknowledgement for {now - batch.moved_at:.0f} s")
        if batch.failure is not None:
            raise self._failed(batch.failure)

    async def _on_answer(self, answer: Msg) -> None:
        batch = self._batch
        if batch is None:
            return
        number = batch.waiting.pop(answer.subject.rpartition(".")[2], None)
        if number is None:
            return  # of a call that has been given up
        if b'"error"' in answer.data or not answer.data:
            self._on_error(number, answer, batch)
        else:
            batch.accepted.add(number)
        if len(batch.waiting) <= batch.enough and batch.moved is not None and not batch.moved.done():
            batch.moved.set_result(None)

    def _on_error(self, number: int, answer: Msg, batch: "_Batch") -> None:
        if not answer.data:
            status = (answer.headers or {}).get("Status", "")
            batch.fail(
                f"there is no stream {self._stream} (it is made with ?create=true)"
                if status == _NO_RESPONDERS
                else f"an empty answer, status {status}"
            )
            return
        error = json.loads(answer.data).get("error", {})
        reason = str(error.get("description", "refused"))
        if error.get("err_code") == _TOO_LARGE_FOR_STREAM:
            batch.refused[number] = Refusal(reason, is_final=True)
        else:
            batch.fail(reason)  # full, of another name, without a leader: every event would meet that


class _Batch:
    """Events under way, and what became of each."""

    def __init__(self) -> None:
        self.waiting: dict[str, int] = {}  # event's id by the token of its answer
        self.accepted: set[int] = set()
        self.refused: dict[int, Refusal] = {}
        self.failure: str | None = None
        self.enough = 0
        self.moved: asyncio.Future[None] | None = None
        self.moved_at = time.monotonic()

    def fail(self, reason: str) -> None:
        self.failure = self.failure or reason
        if self.moved is not None and not self.moved.done():
            self.moved.set_result(None)


_SECRETS = ("password", "token")


def is_encrypted(client: Client) -> bool:
    return bool(client._server_info.get("tls_required"))


def guarded(client: Client, options: Mapping[str, Any]) -> dict[str, Any]:
    """Options to connect with that tell no secret where TLS was asked for and is not spoken."""

    def guard(secret: str) -> Any:
        def told() -> str:
            if "tls" in options and not is_encrypted(client):
                raise OSError("the server speaks no TLS, and is told no password")
            return secret

        return told

    return {name: guard(value) if name in _SECRETS else value for name, value in options.items()}


def connection_options(address: Address) -> dict[str, Any]:
    """Servers, credentials and TLS, from the URL or from NATS's own variables."""

    def told(option: str, variable: str) -> str | None:
        return address.options.get(option) or os.environ.get(variable) or None

    host = f"[{address.host}]" if ":" in address.host else address.host
    servers = [f"{host}:{address.port}", *filter(None, address.options.get("servers", "").split(","))]
    options: dict[str, Any] = {"servers": [f"nats://{server}" for server in servers]}
    user = address.user or os.environ.get("NATS_USER")
    password = os.environ.get("NATS_PASSWORD") if address.password is None else address.password
    if user and password is not None:
        options |= {"user": user, "password": password}
    elif user:
        options["token"] = user
    if creds := told("creds", "NATS_CREDS"):
        options["user_credentials"] = creds
    certificate = told("certfile", "NATS_CERT")
    authority = told("cafile", "NATS_CA")
    if address.scheme == "tls" or address.flag("tls") or certificate or authority:
        try:
            context = ssl.create_default_context(cafile=authority)
            if certificate:
                context.load_cert_chain(certificate, told("keyfile", "NATS_KEY"))
        except (OSError, ssl.SSLError) as error:
            raise address.wrong(f"the certificates cannot be read: {error}") from error
        options["tls"] = context
    return options


def to_stream(url: str) -> NatsSink:
    # Its own lines would say again what the pass that fails says.
    logging.getLogger("nats").setLevel(logging.CRITICAL)
    return NatsSink(parse(url, 4222, OPTIONS, EXAMPLE))
