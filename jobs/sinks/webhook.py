"""`https://`: a webhook, signed after the Standard Webhooks specification; a 2xx is an acceptance."""

import asyncio
import base64
import binascii
import os
import re
import ssl
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http.cookiejar import CookieJar, DefaultCookiePolicy
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import unquote, urlsplit

import httpx
from standardwebhooks import Webhook

from jobs import __version__
from jobs.console import printable
from jobs.database import Database
from jobs.errors import UsageProblem
from jobs.sinks import Event, Refusal, SinkFailed
from jobs.sinks.cloudevent import headers
from jobs.sinks.egress import Refused, resolve

# httpcore imports sniffio at every step of a request, to learn which loop is running; where it is missing,
# each import is a search through all folders. Refused at once it means the same: the loop is asyncio's.
if find_spec("sniffio") is None:
    sys.modules["sniffio"] = None  # type: ignore[assignment]  # None is what refuses

SECRET = "LEADGUARD_WEBHOOK_SECRET"  # noqa: S105  # the name of the variable
ALLOW_PRIVATE = "LEADGUARD_WEBHOOK_ALLOW_PRIVATE"
IN_FLIGHT = "LEADGUARD_WEBHOOK_IN_FLIGHT"
TIMEOUT = "LEADGUARD_WEBHOOK_TIMEOUT"
_EXAMPLE = "For example https://receiver.example/events"
_CONNECT_SECONDS = 5.0
# A batch ends within half a minute: no request begins after so long, and none takes longer than its timeout.
_BEGIN_SECONDS = 12.0
_MOST_TIMEOUT_SECONDS = 15.0
_MOST_IN_FLIGHT = 256
# Of an answer so much is read: what is told in a refusal, and what lets the connection be used again.
_MOST_BODY_BYTES = 16_384
_TOLD_LETTERS = 200
_LEAST_KEY_BYTES = 24
_LONGEST_PAUSE_SECONDS = 86_400.0

_DISABLED = b"select disabled_at, reason from public.list_disabled_sinks() where sink = %s"
_DISABLE = b"select public.disable_sink(%s, %s)"
_PAUSED = b"select paused_until, reason from public.list_paused_sinks() where sink = %s"
_PAUSE = b"select public.pause_sink(%s, %s, %s) as paused_until"

# Answers that tell of the receiver and not of the event, as every 5xx does, unless it takes others in the
# same batch. Not found: all events go to one URL.
_OF_THE_RECEIVER = {401, 403, 404, 405, 407, 408, 425, 429}


class WebhookSink:
    """Posts each event by itself, many at once, to the one address that was checked.

    Redirects are not followed, and neither cookies nor proxies of the environment are used: a request goes
    to the receiver that is named, or nowhere. Opened in the main thread or any other, used by one at a time.
    """

    proves_delivery = True
    keeps_order = False

    def __init__(self, url: str, database: Database) -> None:
        self._target = _Target.of(url)
        self._database = database
        self._signers = [Webhook(secret) for secret in secrets()]
        self._timeout = _number(TIMEOUT, _MOST_TIMEOUT_SECONDS, _MOST_TIMEOUT_SECONDS)
        self._is_paused = False  # so it was when it was called last
        self._in_flight = int(_number(IN_FLIGHT, 32, _MOST_IN_FLIGHT))
        self._check_welcome()
        self._runner = asyncio.Runner()
        # SSL_CERT_FILE and SSL_CERT_DIR say whom to trust; reading them all costs more than many requests.
        trust = (
            ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT) if self._target.is_plain else httpx.create_ssl_context()
        )
        # A client for each request that may be under way, so with one connection: a pool looks at all of its
        # connections, several times, whenever a request begins or ends. No limit: a request given up before
        # it connects leaves its place in the pool taken.
        self._clients = [
            httpx.AsyncClient(
                trust_env=False,
                verify=trust,
                follow_redirects=False,
                cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),
                auth=self._target.auth,
                limits=httpx.Limits(keepalive_expiry=30),
                timeout=httpx.Timeout(self._timeout, connect=_CONNECT_SECONDS),
            )
            for _ in range(self._in_flight)
        ]

    def deliver(self, events: Sequence[Event]) -> Mapping[int, Refusal]:
        if self._is_paused:
            self._check_welcome()
            self._is_paused = False
        batch = _Batch()
        self._runner.run(self._post_all(events, batch))
        if batch.is_gone:
            self._disable()
            raise SinkFailed(f"{self._target.shown}: 410 Gone, so it is disabled now", batch.accepted_ids)
        # Where something was taken the receiver is well, and a failure belongs to its event.
        trouble = batch.trouble and next(iter(batch.trouble.values())).reason
        if batch.pause is not None or (trouble and not batch.accepted):
            doubted = {} if batch.pause is not None or batch.is_unreachable else batch.trouble
            reason = f"{self._target.shown}: {trouble or 'it asked to wait'}"
            if batch.pause:
                reason += f"; {self._pause(batch.pause, trouble or '')}"
            raise SinkFailed(reason, batch.accepted_ids, batch.refused, doubted)
        refused = {**batch.refused, **batch.trouble}
        if batch.is_cut_short:
            left = len(events) - batch.settled
            reason = f"{self._target.shown}: it is slow, {left} events wait"
            raise SinkFailed(reason, batch.accepted_ids, refused)
        return refused

    def close(self) -> None:
        for client in self._clients:
            try:
                self._runner.run(client.aclose())
            except (RuntimeError, httpx.HTTPError):
                pass  # what hangs is not waited for
        self._runner.close()

    # Disabled by 410, or to be let alone for a while: the database remembers it for every process

    def _check_welcome(self) -> None:
        with self._database.session("leadguard sink") as connection:
            disabled = connection.execute(_DISABLED, [self._target.shown]).fetchone()
            paused = connection.execute(_PAUSED, [self._target.shown]).fetchone()
        if disabled is not None:
            raise SinkFailed(
                f"{self._target.shown}: disabled since {disabled['disabled_at']:%Y-%m-%d %H:%M %Z}"
                f" ({disabled['reason']}); when it is back: leadguard sinks enable {self._target.shown}"
            )
        if paused is not None:
            until = _asked_to_wait(paused["paused_until"])
            raise SinkFailed(f"{self._target.shown}: {until} ({paused['reason']})")

    def _disable(self) -> None:
        with self._database.session("leadguard sink") as connection:
            connection.execute(_DISABLE, [self._target.shown, "410 Gone"])

    def _pause(self, seconds: float, reason: str) -> str:
        self._is_paused = True
        with self._database.session("leadguard sink") as connection:
            reason = reason.replace("\0", " ")
            row = connection.execute(_PAUSE, [self._target.shown, reason, seconds]).fetchone()
        assert row is not None
        return _asked_to_wait(row["paused_until"])

    # One batch

    async def _post_all(self, events: Sequence[Event], batch: "_Batch") -> None:
        target = self._target
        try:
            addresses = await asyncio.wait_for(
                resolve(target.host, target.port, allows_private=allows_private(), is_plain=target.is_plain),
                _CONNECT_SECONDS,
            )
        except Refused as error:
            hint = "" if allows_private() else f"; {ALLOW_PRIVATE}=1 allows private ones"
            raise SinkFailed(f"{target.shown}: {error}, which it may not be{hint}") from None
        except (OSError, UnicodeError, TimeoutError) as error:
            raise SinkFailed(f"{target.shown}: {target.host} cannot be resolved: {error}") from error
        batch.addresses = addresses
        waiting = iter(_mixed(events))
        until = time.monotonic() + _BEGIN_SECONDS

        async def lane(client: httpx.AsyncClient) -> None:
            for event in waiting:
                if batch.is_stopped(self._in_flight) or time.monotonic() > until:
                    batch.is_cut_short = True
                    return
                await self._post(client, event, batch)

        async with asyncio.TaskGroup() as lanes:
            for client in self._clients[: len(events)]:
                lanes.create_task(lane(client))

    async def _post(self, client: httpx.AsyncClient, event: Event, batch: "_Batch") -> None:
        while True:
            address = batch.addresses[0]
            try:
                async with asyncio.timeout(self._timeout):
                    await self._attempt(client, event, address, batch)
                return
            except (httpx.ConnectError, httpx.ConnectTimeout) as error:
                if not batch.gives_up(address):
                    continue  # the name has another address
                batch.is_unreachable = True
                batch.trouble[event.id] = Refusal(f"no connection: {_why(error)}")
            except (httpx.TimeoutException, TimeoutError):
                batch.trouble[event.id] = Refusal(f"no answer within {self._timeout:g} s")
            except httpx.HTTPError as error:
                batch.trouble[event.id] = Refusal(f"no answer: {_why(error)}")
            return

    async def _attempt(self, client: httpx.AsyncClient, event: Event, address: str, batch: "_Batch") -> None:
        target = self._target
        request = client.build_request(
            "POST",
            target.at(address),
            content=event.payload.encode("utf-8"),
            headers={
                **self._signed(event),
                "host": target.authority,
                "user-agent": f"leadguard/{__version__}",
            },
            extensions={"sni_hostname": target.host},
        )
        response = await client.send(request, stream=True)
        try:
            batch.note(event, response.status_code, response.headers, await _beginning(response))
        finally:
            await response.aclose()

    def _signed(self, event: Event) -> dict[str, str]:
        now = datetime.now(UTC)
        signatures = [
            signer.sign(msg_id=event.event_id, timestamp=now, data=event.payload) for signer in self._signers
        ]
        return {
            **headers(event),
            "webhook-id": event.event_id,
            "webhook-timestamp": str(int(now.timestamp())),
            "webhook-signature": " ".join(signatures),
        }


@dataclass
class _Batch:
    """What became of each event."""

    addresses: list[str] = field(default_factory=list)
    accepted: set[int] = field(default_factory=set)
    refused: dict[int, Refusal] = field(default_factory=dict)
    trouble: dict[int, Refusal] = field(default_factory=dict)  # of the receiver's, it seems
    pause: float | None = None
    is_gone: bool = False
    is_unreachable: bool = False  # without a connection nobody has seen an event
    is_cut_short: bool = False

    @property
    def accepted_ids(self) -> frozenset[int]:
        return frozenset(self.accepted)

    @property
    def settled(self) -> int:
        return len(self.accepted) + len(self.refused) + len(self.trouble)

    def is_stopped(self, enough: int) -> bool:
        """Whether no further request makes sense: it is gone, wants a pause, or has taken none of enough."""
        fails = self.is_unreachable or len(self.trouble) >= enough
        return self.is_gone or self.pause is not None or (fails and not self.accepted)

    def gives_up(self, address: str) -> bool:
        """Leaves an address that does not answer, if there is another; true when there is none."""
        if self.addresses[0] == address:
            if len(self.addresses) == 1:
                return True
            self.addresses.pop(0)
        return False

    def note(self, event: Event, status: int, told: Mapping[str, str], body: str) -> None:
        if 200 <= status < 300:
            self.accepted.add(event.id)
            return
        reason = f"HTTP {status}" + (f": {body}" if body else "")
        wait = _retry_after(told.get("retry-after"))
        if status == 410:
            self.is_gone = True
        elif status in (429, 503) and wait:
            # It is the receiver's word for all events, whichever of them it was said to; no wait is no word.
            self.pause = max(wait, self.pause or 0)
            self.trouble[event.id] = Refusal(reason, wait)
        elif 300 <= status < 400:
            self.trouble[event.id] = Refusal(f"HTTP {status}: redirects are not followed")
        elif status in _OF_THE_RECEIVER or status >= 500:
            self.trouble[event.id] = Refusal(reason, wait)
        else:
            self.refused[event.id] = Refusal(reason, wait)


@dataclass(frozen=True)
class _Target:
    """The receiver's URL, taken apart."""

    is_plain: bool
    host: str
    port: int
    resource: str  # path and query
    auth: tuple[str, str] | None

    @classmethod
    def of(cls, url: str) -> "_Target":
        try:
            parts = urlsplit(url)
            port = parts.port
            host = (parts.hostname or "").rstrip(".").encode("idna").decode("ascii")
        except (ValueError, UnicodeError):
            # The parser's own message may quote the URL, and with it a password.
            raise UsageProblem("https: the URL cannot be read", _EXAMPLE) from None
        if not host:
            raise UsageProblem("https: the URL names no host", _EXAMPLE)
        is_plain = parts.scheme == "http"
        if is_plain and not allows_private():
            raise UsageProblem(
                "http: sends events where everybody can read them",
                f"Use https:, or set {ALLOW_PRIVATE}=1 for a receiver in a private network.",
            )
        auth = None
        if parts.username is not None:
            auth = (unquote(parts.username), unquote(parts.password or ""))
        resource = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        return cls(is_plain, host, port or (80 if is_plain else 443), resource, auth)

    @property
    def _scheme(self) -> str:
        return "http" if self.is_plain else "https"

    @property
    def authority(self) -> str:
        name = _bracketed(self.host)
        return name if self.port == (80 if self.is_plain else 443) else f"{name}:{self.port}"

    @property
    def shown(self) -> str:
        """The URL as it may stand in a log and in the database: no password, and no token from the query."""
        return f"{self._scheme}://{self.authority}{self.resource.partition('?')[0]}"

    def at(self, address: str) -> str:
        return f"{self._scheme}://{_bracketed(address)}:{self.port}{self.resource}"


def _mixed(events: Sequence[Event]) -> list[Event]:
    """One of each type first: a receiver that fails at one type is not down, it takes another."""
    first: dict[str, Event] = {}
    for event in events:
        first.setdefault(event.event_type, event)
    leading = {event.id for event in first.values()}
    return [*first.values(), *(event for event in events if event.id not in leading)]


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def allows_private() -> bool:
    return os.environ.get(ALLOW_PRIVATE, "").lower() in ("1", "true", "yes")


def secrets() -> list[str]:
    """The keys to sign with, the newest first: several while one takes the place of another."""
    text = os.environ.get(SECRET, "")
    if not text and (path := os.environ.get(f"{SECRET}_FILE")):
        try:
            text = Path(path).read_text("ascii")
        except (OSError, UnicodeError) as error:
            raise UsageProblem(f"{SECRET}_FILE: {path} cannot be read: {error}") from error
    found = re.split(r"[\s,]+", text.strip()) if text.strip() else []
    hint = 'Make one with: echo "whsec_$(openssl rand -base64 32)"'
    if not found:
        raise UsageProblem(f"https: needs {SECRET} or {SECRET}_FILE, the key to sign events with", hint)
    for secret in found:
        try:
            key = base64.b64decode(secret.removeprefix("whsec_"), validate=True)
        except binascii.Error:
            key = b""
        if not secret.startswith("whsec_") or len(key) < _LEAST_KEY_BYTES:
            raise UsageProblem(
                f"{SECRET}: a key is whsec_ and the base64 of {_LEAST_KEY_BYTES} bytes or more", hint
            )
    return found


def _number(variable: str, default: float, most: float) -> float:
    text = os.environ.get(variable) or str(default)
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value <= most:
        raise UsageProblem(f"{variable}={text}: it is a number up to {most:g}")
    return value


def _retry_after(text: str | None) -> float | None:
    """Seconds to wait: the header gives them, or the moment."""
    if text is None:
        return None
    if text.strip().isascii() and text.strip().isdecimal():
        seconds = float(text)
    else:
        try:
            moment = parsedate_to_datetime(text)
        except (ValueError, OverflowError):  # the year of a malformed date may have any number of digits
            return None
        moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        seconds = (moment - datetime.now(UTC)).total_seconds()
    return min(max(seconds, 0.0), _LONGEST_PAUSE_SECONDS)


async def _beginning(response: httpx.Response) -> str:
    """What the answer says, its beginning, in one line; the rest is left unread."""
    found = b""
    async for chunk in response.aiter_raw():
        found += chunk
        if len(found) > _MOST_BODY_BYTES:
            break
    return " ".join(printable(found.decode("utf-8", "replace")).split())[:_TOLD_LETTERS]


def _asked_to_wait(until: datetime) -> str:
    return f"it asked to wait until {until.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


def _why(error: Exception) -> str:
    return " ".join(str(error).split()) or type(error).__name__


def to_receiver(url: str, database: Database) -> WebhookSink:
    return WebhookSink(url, database)
