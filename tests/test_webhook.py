"""Webhooks: signed, to the receiver that is named and nobody else, and accepted only by a 2xx."""

from __future__ import annotations

import base64
import json
import os
import signal
import socket
import ssl
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from email.utils import formatdate
from ipaddress import ip_address
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from standardwebhooks import Webhook, WebhookVerificationError

from jobs.database import Database
from jobs.errors import UsageProblem
from jobs.publish import Doubts, Publisher, publish
from jobs.sinks import Event, Sink, SinkFailed, egress, open_sink, webhook
from tests.brokers import HOST, Answer, Received, Receiver, free_port
from tests.daemon import Daemon, eventually, start
from tests.kills import prove

Connect = Callable[..., psycopg.Connection[Any]]

KEYS = [f"whsec_{base64.b64encode(bytes([n] * 32)).decode()}" for n in (1, 2, 3)]
SIGNED = {"LEADGUARD_WEBHOOK_SECRET": KEYS[0], "LEADGUARD_WEBHOOK_ALLOW_PRIVATE": "1"}


@pytest.fixture(autouse=True)
def variables(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("LEADGUARD_WEBHOOK")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("LEADGUARD_WEBHOOK_SECRET", KEYS[0])
    monkeypatch.setenv("LEADGUARD_WEBHOOK_ALLOW_PRIVATE", "1")
    monkeypatch.setenv("LEADGUARD_WEBHOOK_TIMEOUT", "2")


@pytest.fixture
def opened(database_url: str) -> Iterator[Callable[[str], Sink]]:
    """Opens sinks, which are closed when the test ends."""
    sinks: list[Sink] = []

    def open_it(url: str) -> Sink:
        sinks.append(open_sink(url, Database(database_url)))
        return sinks[-1]

    yield open_it
    for sink in sinks:
        sink.close()


Opened = Callable[[str], Sink]


def events(count: int) -> list[Event]:
    made = []
    for n in range(1, count + 1):
        event_id = str(uuid4())
        payload = (
            f'{{"event_id" : "{event_id}","timestamp": "2026-01-02T03:04:05Z", "text": "K\\u00fcche Küche"}}'
        )
        made.append(Event(n, event_id, "lead.hold.created", n, payload))
    return made


# --- what is sent -----------------------------------------------------------------------------------------


def test_the_receiver_gets_the_events_own_bytes_signed_and_in_their_envelope(
    receiver: Receiver, opened: Opened
) -> None:
    (event,) = events(1)
    sink = opened(f"{receiver.url}?token=a%20b")
    assert sink.proves_delivery
    assert sink.deliver([event]) == {}
    (request,) = receiver.received
    assert request.path == "/events?token=a%20b"
    assert request.body == event.payload.encode("utf-8")
    told = request.headers
    assert told["host"] == f"{HOST}:{receiver.port}"
    assert told["content-type"] == "application/json"
    assert (told["ce-id"], told["webhook-id"]) == (event.event_id, event.event_id)
    assert (told["ce-type"], told["ce-source"]) == ("lead.hold.created", "urn:leadguard")
    assert (told["ce-subject"], told["ce-time"]) == ("lead/1", "2026-01-02T03:04:05Z")
    Webhook(KEYS[0]).verify(request.body, dict(told))


@pytest.mark.parametrize(
    "altered",
    [
        {"body": b"x"},
        {"webhook-id": str(uuid4())},
        {"webhook-timestamp": str(int(time.time()) - 600)},
        {"webhook-signature": "v1,AAAA"},
        {"key": KEYS[1]},
    ],
    ids=lambda altered: next(iter(altered)),
)
def test_whatever_is_altered_the_signature_does_not_fit(
    altered: dict[str, Any], receiver: Receiver, opened: Opened
) -> None:
    opened(receiver.url).deliver(events(1))
    (request,) = receiver.received
    headers = {**request.headers, **{k: v for k, v in altered.items() if k.startswith("webhook-")}}
    with pytest.raises(WebhookVerificationError):
        Webhook(altered.get("key", KEYS[0])).verify(request.body + altered.get("body", b""), headers)


def test_while_keys_are_changed_either_verifies(
    receiver: Receiver, opened: Opened, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    path = tmp_path / "keys"
    path.write_text(f"{KEYS[1]}\n{KEYS[0]}\n")
    monkeypatch.delenv("LEADGUARD_WEBHOOK_SECRET")
    monkeypatch.setenv("LEADGUARD_WEBHOOK_SECRET_FILE", str(path))
    opened(receiver.url).deliver(events(1))
    (request,) = receiver.received
    for key in KEYS[:2]:
        Webhook(key).verify(request.body, dict(request.headers))
    with pytest.raises(WebhookVerificationError):
        Webhook(KEYS[2]).verify(request.body, dict(request.headers))


@pytest.mark.parametrize("key", ["", "whsec_", "whsec_!!!!", "whsec_c2hvcnQ=", "plain-text-of-a-password"])
def test_without_a_strong_key_nothing_is_sent(
    key: str, opened: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LEADGUARD_WEBHOOK_SECRET", key)
    with pytest.raises(UsageProblem, match="LEADGUARD_WEBHOOK_SECRET") as refused:
        opened("https://receiver.example/events")
    assert "password" not in refused.value.render(as_json=False)


def test_a_redelivery_has_the_same_id_and_bytes(receiver: Receiver, opened: Opened) -> None:
    given = events(1)
    receiver.one_by_one(Answer(500), Answer())
    sink = opened(receiver.url)
    with pytest.raises(SinkFailed):
        sink.deliver(given)
    assert sink.deliver(given) == {}
    first, second = receiver.received
    assert (first.headers["webhook-id"], first.body) == (second.headers["webhook-id"], second.body)


def test_many_are_under_way_at_once_on_connections_that_are_kept(
    receiver: Receiver, opened: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LEADGUARD_WEBHOOK_TIMEOUT", "15")  # how long one takes is not what is tested
    receiver.always(Answer(204, delay=0.05))
    given = events(200)
    started = time.monotonic()
    assert opened(receiver.url).deliver(given) == {}
    assert time.monotonic() - started < 5, "one by one it takes ten seconds"
    counted = Counter(request.headers["webhook-id"] for request in receiver.received)
    assert counted == Counter(event.event_id for event in given)


# --- what is said -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [200, 201, 202, 204])
def test_any_2xx_is_an_acceptance(status: int, receiver: Receiver, opened: Opened) -> None:
    receiver.always(Answer(status, body=b"" if status == 204 else b"thanks"))
    assert opened(receiver.url).deliver(events(1)) == {}


@pytest.mark.parametrize("status", [400, 413, 422])
def test_an_answer_about_the_event_refuses_it_and_says_why(
    status: int, receiver: Receiver, opened: Opened
) -> None:
    receiver.always(Answer(status, body=b"no\r\nsuch \x1b[31mlead"))
    refused = opened(receiver.url).deliver(events(2))
    assert [refused[n].reason for n in (1, 2)] == [f"HTTP {status}: no such [31mlead"] * 2


@pytest.mark.parametrize(
    "status", [301, 302, 307, 308, 401, 403, 404, 405, 408, 429, 500, 501, 502, 503, 504, 520]
)
def test_an_answer_about_the_receiver_stops_everything_and_counts_for_no_event(
    status: int, receiver: Receiver, opened: Opened
) -> None:
    other = "http://169.254.169.254/latest" if status < 400 else ""
    receiver.always(Answer(status, {"Location": other} if other else {}))
    with pytest.raises(SinkFailed, match=f"HTTP {status}") as failed:
        opened(receiver.url).deliver(events(300))
    assert failed.value.accepted == frozenset()
    assert len(receiver.received) <= 64, "a receiver that fails is not called for every event"


@pytest.mark.parametrize("status", [404, 408, 500, 503])
@pytest.mark.parametrize("place", [0, 7, 49])
def test_an_event_that_always_meets_an_unwell_receiver_does_not_stop_the_others(
    status: int, place: int, receiver: Receiver, opened: Opened
) -> None:
    given = events(50)
    poison = given[place].event_id
    receiver.answer = lambda r: (
        Answer(status) if r.headers["webhook-id"] == poison else Answer(204, delay=0.01)
    )
    refused = opened(receiver.url).deliver(given)
    assert list(refused) == [given[place].id]
    assert not refused[given[place].id].is_final
    assert len(receiver.received) == 50


def test_a_receiver_that_fails_at_one_type_of_event_takes_the_others(
    receiver: Receiver, opened: Opened
) -> None:
    given = events(200)
    given[150] = given[150]._replace(event_type="lead.hold.released")
    receiver.answer = lambda r: Answer(500 if r.headers["ce-type"] == "lead.hold.created" else 204)
    refused = opened(receiver.url).deliver(given)
    assert set(refused) == {event.id for event in given} - {given[150].id}


def test_what_it_has_judged_is_refused_though_it_fails_at_the_rest(
    receiver: Receiver, opened: Opened
) -> None:
    given = events(4)
    judged = given[1].event_id
    receiver.answer = lambda r: Answer(422 if r.headers["webhook-id"] == judged else 500)
    with pytest.raises(SinkFailed, match="HTTP 500") as failed:
        opened(receiver.url).deliver(given)
    assert (set(failed.value.refused), set(failed.value.doubted)) == ({2}, {1, 3, 4})


@pytest.mark.parametrize("form", ["seconds", "date"])
def test_a_receiver_that_asks_to_wait_is_let_alone_so_long(
    form: str, receiver: Receiver, opened: Opened
) -> None:
    wait = "2" if form == "seconds" else formatdate(time.time() + 2.5, usegmt=True)
    given = events(1)
    receiver.one_by_one(Answer(429, {"Retry-After": wait}), Answer())
    sink = opened(f"{receiver.url}?token=geheim")
    with pytest.raises(SinkFailed, match="429"):
        sink.deliver(given)
    with pytest.raises(SinkFailed, match="asked to wait until"):
        sink.deliver(given)
    with pytest.raises(SinkFailed, match="asked to wait until"):
        opened(receiver.url)
    assert len(receiver.received) == 1
    time.sleep(2.1 if form == "seconds" else 2.6)
    assert opened(receiver.url).deliver(given) == {}


def test_every_process_keeps_to_a_wait_until_a_person_ends_it(
    receiver: Receiver, fresh_database: str
) -> None:
    receiver.one_by_one(Answer(503, {"Retry-After": "3600"}), Answer())
    database = Database(fresh_database)
    sink = open_sink(f"{receiver.url}?token=geheim", database)
    with pytest.raises(SinkFailed, match="HTTP 503; it asked to wait until"):
        sink.deliver(events(1))
    sink.close()
    passing = start(fresh_database, "publish", "--sink", receiver.url, **SIGNED)
    assert (passing.communicate()[1].count("asked to wait until"), passing.returncode) == (1, 6)
    assert len(receiver.received) == 1
    shown, _ = start(fresh_database, "sinks", "list").communicate()
    assert shown.startswith(f"{receiver.url}: paused until")
    assert "geheim" not in shown
    shown, _ = start(fresh_database, "status", "--json").communicate()
    assert [paused["sink"] for paused in json.loads(shown)["paused_sinks"]] == [receiver.url]
    assert start(fresh_database, "sinks", "enable", receiver.url).wait() == 0
    sink = open_sink(receiver.url, database)
    assert sink.deliver(events(1)) == {}
    sink.close()


def test_what_was_accepted_before_it_asked_to_wait_is_named(receiver: Receiver, opened: Opened) -> None:
    given = events(400)
    taken = {event.event_id for event in given[:100]}
    receiver.answer = lambda r: (
        Answer() if r.headers["webhook-id"] in taken else Answer(429, {"Retry-After": "60"})
    )
    with pytest.raises(SinkFailed, match="429") as failed:
        opened(receiver.url).deliver(given)
    assert failed.value.accepted == {event.id for event in given[:100]}
    assert len(receiver.received) < 200


@pytest.mark.parametrize("nonsense", ["soon", "-5", "1e3", "", "Wed, 99 Foo 2026", f"1 Jan {10**20}"])
def test_a_wait_that_nobody_understands_is_none(nonsense: str) -> None:
    assert webhook._retry_after(nonsense) is None


@pytest.mark.parametrize("wait", ["0", "Wed, 21 Oct 2015 07:28:00 GMT"])
def test_a_wait_that_is_over_already_does_not_hide_an_event_that_may_be_at_fault(
    wait: str, receiver: Receiver, opened: Opened
) -> None:
    receiver.always(Answer(503, {"Retry-After": wait}))
    with pytest.raises(SinkFailed, match="503") as failed:
        opened(receiver.url).deliver(events(1))
    assert set(failed.value.doubted) == {1}


def test_410_disables_the_receiver_for_every_process_until_it_is_enabled(
    receiver: Receiver, fresh_database: str
) -> None:
    receiver.one_by_one(Answer(410), Answer())
    database = Database(fresh_database)
    url = f"{receiver.url}?token=geheim"
    sink = open_sink(url, database)
    with pytest.raises(SinkFailed, match="410 Gone"):
        sink.deliver(events(1))
    sink.close()
    with pytest.raises(SinkFailed, match=r"disabled since .* leadguard sinks enable"):
        open_sink(url, database)
    assert len(receiver.received) == 1
    shown, _ = start(fresh_database, "sinks", "list").communicate()
    assert shown.startswith(f"{receiver.url}: disabled since")
    assert "geheim" not in shown
    enabling = start(fresh_database, "sinks", "enable", receiver.url)
    assert (enabling.wait(), start(fresh_database, "sinks", "enable", receiver.url).wait()) == (0, 1)
    sink = open_sink(url, database)
    assert sink.deliver(events(1)) == {}
    sink.close()


# --- receivers that do not answer -------------------------------------------------------------------------


def test_a_receiver_that_is_down_hangs_or_breaks_off_fails_and_is_used_again_when_it_is_back(
    receiver: Receiver, opened: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LEADGUARD_WEBHOOK_TIMEOUT", "2")
    with pytest.raises(SinkFailed, match="no connection"):
        opened(f"http://{HOST}:{free_port()}/").deliver(events(50))
    sink = opened(receiver.url)
    receiver.always(Answer(hangs=True))
    started = time.monotonic()
    with pytest.raises(SinkFailed, match="no answer within 2 s"):
        sink.deliver(events(200))
    assert time.monotonic() - started < 10
    receiver.always(Answer(breaks=True))
    with pytest.raises(SinkFailed, match="no answer"):
        sink.deliver(events(50))
    receiver.always(Answer())
    assert sink.deliver(events(50)) == {}


def test_a_connection_that_nobody_answers_on_is_given_up(
    opened: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Half-open: the system has taken the connection, no program ever does."""
    monkeypatch.setenv("LEADGUARD_WEBHOOK_TIMEOUT", "0.5")
    with socket.create_server((HOST, 0)) as listening, pytest.raises(SinkFailed, match="no answer within"):
        opened(f"http://{HOST}:{listening.getsockname()[1]}/").deliver(events(3))


def test_an_endless_answer_is_not_read_to_its_end(receiver: Receiver, opened: Opened) -> None:
    receiver.always(Answer(200, body=b"x" * 10_000_000))
    started = time.monotonic()
    assert opened(receiver.url).deliver(events(20)) == {}
    assert time.monotonic() - started < 5


def test_a_slow_receiver_gets_what_time_allows_and_the_rest_waits(
    receiver: Receiver, opened: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(webhook, "_BEGIN_SECONDS", 0.5)
    receiver.always(Answer(delay=0.3))
    with pytest.raises(SinkFailed, match="it is slow") as failed:
        opened(receiver.url).deliver(events(500))
    assert 32 <= len(failed.value.accepted) == len(receiver.received) < 200


# --- where it may go --------------------------------------------------------------------------------------

PRIVATE = [
    "127.0.0.1",
    "127.1",
    "2130706433",
    "0x7f000001",
    "0177.0.0.1",
    "localhost",
    "LOCALHOST.",
    "10.0.0.1",
    "172.16.0.1",
    "192.168.1.1",
    "100.64.0.1",
    "[::1]",
    "[::ffff:127.0.0.1]",
    "[::ffff:7f00:1]",
    "[fd00::1]",
    "[64:ff9b::10.0.0.1]",
    "[2002:7f00:1::]",
]
NEVER = [
    "169.254.169.254",
    "[::ffff:169.254.169.254]",
    "[64:ff9b::a9fe:a9fe]",
    "[fe80::1]",
    "0.0.0.0",  # noqa: S104
    "0",
    "[::]",
    "224.0.0.1",
    "[ff02::1]",
    "255.255.255.255",
    "240.0.0.1",
]


@pytest.fixture
def trusts_nobody(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Where nothing is called: reading all authorities takes longer than the rest of the test."""
    monkeypatch.delenv("SSL_CERT_FILE", raising=False)
    monkeypatch.setenv("SSL_CERT_DIR", str(tmp_path))


@pytest.mark.usefixtures("trusts_nobody")
@pytest.mark.parametrize("host", [*PRIVATE, *NEVER])
def test_no_address_inside_is_called_without_leave(
    host: str, opened: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("LEADGUARD_WEBHOOK_ALLOW_PRIVATE")
    with pytest.raises(SinkFailed, match=r"which it may not be|cannot be resolved"):
        opened(f"https://{host}/events").deliver(events(1))


@pytest.mark.usefixtures("trusts_nobody")
@pytest.mark.parametrize("host", NEVER)
def test_with_leave_link_local_and_the_like_stay_out_of_reach(host: str, opened: Opened) -> None:
    with pytest.raises(SinkFailed, match=r"which it may not be|cannot be resolved"):
        opened(f"https://{host}/events").deliver(events(1))


@pytest.mark.parametrize(
    ("address", "is_public"), [("192.0.2.1", False), ("8.8.8.8", True), ("2a00::1", True)]
)
def test_without_tls_nothing_leaves_the_house(address: str, is_public: bool) -> None:
    where = ip_address(address)
    assert egress.may_connect(where, allows_private=False, is_plain=False) == is_public
    assert not egress.may_connect(where, allows_private=True, is_plain=True) or not is_public


def test_http_needs_leave(opened: Opened, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LEADGUARD_WEBHOOK_ALLOW_PRIVATE")
    with pytest.raises(UsageProblem, match="everybody can read"):
        opened("http://receiver.example/events")


def test_the_address_that_was_checked_is_the_one_connected_to(
    receiver: Receiver, opened: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    """DNS rebinding: a name that points elsewhere the second time it is asked for is asked for once."""
    asked: list[str] = []
    resolved = socket.getaddrinfo

    def rebinding(host: Any, port: Any, *rest: Any, **named: Any) -> Any:
        if host == "receiver.example":
            asked.append(host)
            host = HOST if len(asked) == 1 else "169.254.169.254"
        return resolved(host, port, *rest, **named)

    monkeypatch.setattr(socket, "getaddrinfo", rebinding)
    sink = opened(f"http://receiver.example:{receiver.port}/events")
    assert sink.deliver(events(5)) == {}
    assert len(asked) == 1
    assert {request.headers["host"] for request in receiver.received} == {f"receiver.example:{receiver.port}"}
    with pytest.raises(SinkFailed, match=r"169\.254\.169\.254, which it may not be"):
        sink.deliver(events(1))


def test_a_name_with_an_address_that_is_dead_is_tried_at_its_next(
    receiver: Receiver, opened: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    resolved = socket.getaddrinfo

    def two(host: Any, port: Any, *rest: Any, **named: Any) -> Any:
        if host != "receiver.example":
            return resolved(host, port, *rest, **named)
        return [*resolved("127.0.0.2", port, *rest, **named), *resolved(HOST, port, *rest, **named)]

    monkeypatch.setattr(socket, "getaddrinfo", two)
    assert opened(f"http://receiver.example:{receiver.port}/events").deliver(events(5)) == {}
    assert len(receiver.received) == 5


def test_proxies_cookies_and_redirects_of_others_are_not_followed(
    receiver: Receiver, opened: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, f"http://{HOST}:{free_port()}")
    receiver.always(Answer(204, {"Set-Cookie": "session=1"}))
    sink = opened(receiver.url)
    for _ in range(2):
        assert sink.deliver(events(1)) == {}
    assert all("cookie" not in request.headers for request in receiver.received)


def test_tls_is_checked_against_the_name_and_not_the_address(
    opened: Opened, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"),
            *("-keyout", str(key), "-out", str(certificate), "-subj", "/CN=receiver.example", "-days", "2"),
            *("-addext", "subjectAltName=DNS:receiver.example"),
        ],
        check=True,
        capture_output=True,
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    resolved = socket.getaddrinfo
    monkeypatch.setattr(
        socket,
        "getaddrinfo",
        lambda host, *rest, **named: resolved(
            HOST if str(host).endswith(".example") else host, *rest, **named
        ),
    )
    with Receiver(context) as receiver:
        url = f"https://{{}}:{receiver.port}/events"
        with pytest.raises(SinkFailed, match=r"(?i)certificate"):
            opened(url.format("receiver.example")).deliver(events(1))
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
        assert opened(url.format("receiver.example")).deliver(events(3)) == {}
        with pytest.raises(SinkFailed, match=r"(?i)certificate"):
            opened(url.format("other.example")).deliver(events(1))
        assert len(receiver.received) == 3


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("https:///x", "no host"),
        ("https://u:geheim@h:port/", "cannot be read"),
        ("https://[::1/", "cannot be read"),
    ],
)
def test_a_url_that_is_wrong_is_refused_without_its_password(url: str, says: str, opened: Opened) -> None:
    with pytest.raises(UsageProblem, match=says) as refused:
        opened(url)
    assert "geheim" not in refused.value.render(as_json=False)


# --- the outbox -------------------------------------------------------------------------------------------


def test_the_outbox_is_drained_in_order_per_lead(
    receiver: Receiver, fresh_database: str, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LEADGUARD_WEBHOOK_TIMEOUT", "15")  # a machine under load repeats nothing
    connection = connect(fresh_database)
    connection.execute("insert into public.leads (user_id) select 7 from generate_series(1, 40)")
    connection.execute("update public.leads set user_id = 8")
    database = Database(fresh_database)
    with database.session() as session:
        sink = open_sink(receiver.url, database)
        assert publish(session, sink, 500).left_unacknowledged == 0
        sink.close()
    found = [json.loads(request.body) for request in receiver.received]
    archived = connection.execute("select event_id::text from public.outbox_archive order by lead_id, id")
    by_lead = sorted(found, key=lambda event: event["lead_id"])
    assert [event["event_id"] for event in by_lead] == [row[0] for row in archived]


@pytest.mark.parametrize("status", [500, 502, 503, 504, 429, 404])
@pytest.mark.parametrize("leads", [1, 40])
def test_a_receiver_that_is_down_for_long_costs_no_event_an_attempt(
    status: int,
    leads: int,
    receiver: Receiver,
    fresh_database: str,
    connect: Connect,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("LEADGUARD_WEBHOOK_TIMEOUT", "15")
    connection = connect(fresh_database)
    connection.execute("update public.settings set value = '2' where name = 'outbox_max_attempts'")
    connection.execute("insert into public.leads (user_id) select 7 from generate_series(1, %s)", [leads])
    connection.execute("update public.leads set user_id = 8")
    receiver.always(Answer(status))
    database, doubts = Database(fresh_database), Doubts()
    with database.session() as session:
        sink = open_sink(receiver.url, database)
        for _ in range(6):
            connection.execute("update public.outbox set next_attempt_at = null")  # time passes
            with pytest.raises(SinkFailed, match=f"HTTP {status}"):
                Publisher(session, sink, 500, doubts=doubts).drain()
        counted = "select max(attempts), (select count(*) from public.outbox_dead_letters) from public.outbox"
        assert connection.execute(counted).fetchone() == (0, 0)
        receiver.always(Answer())
        connection.execute("update public.outbox set next_attempt_at = null")
        assert Publisher(session, sink, 500, doubts=doubts).drain().acknowledged == 2 * leads
        sink.close()
    taken = [json.loads(request.body)["event_id"] for request in receiver.received[-2 * leads :]]
    archived = connection.execute("select event_id::text from public.outbox_archive order by lead_id, id")
    assert sorted(taken) == sorted(row[0] for row in archived)


def test_an_event_that_fails_alone_holds_up_no_other_lead_and_counts_only_once_others_were_accepted(
    receiver: Receiver, fresh_database: str, connect: Connect
) -> None:
    connection = connect(fresh_database)
    connection.execute("update public.settings set value = '3' where name = 'outbox_max_attempts'")
    connection.execute("insert into public.leads (id, user_id) values (1, 7)")
    connection.execute("update public.leads set user_id = 8")
    receiver.answer = lambda r: (
        Answer(500)
        if r.headers["ce-subject"] == "lead/1" and "activated" in r.headers["ce-type"]
        else Answer()
    )
    dead = "select lead_id, attempts from public.outbox_dead_letters"
    attempts = "select attempts from public.outbox where lead_id = 1 order by id limit 1"
    with Daemon(fresh_database, "--sink", receiver.url, variables=SIGNED) as daemon:
        daemon.waits_for("publish", "trying again", times=3)  # the pause has grown to seconds
        assert connection.execute(attempts).fetchone() == (0,)
        for number in (2, 3, 4):
            before = len(receiver.received)
            connection.execute("insert into public.leads (id, user_id) values (%s, 7)", [number])
            eventually(lambda: len(receiver.received) > before, "somebody is called")  # noqa: B023
            called = receiver.received[before].headers["ce-subject"]
            assert called == f"lead/{number}", "at once, and not when the pause is over"
            connection.execute(
                "update public.outbox set next_attempt_at = now() where last_error is not null"
            )
            eventually(
                lambda: connection.execute(attempts).fetchone() != (number - 2,),  # noqa: B023
                "then it counts, once",
            )
        eventually(lambda: connection.execute(dead).fetchone() == (1, 3), "in the end it is given up")
        count = "select count(*) from public.outbox"
        eventually(lambda: connection.execute(count).fetchone() == (0,), "and its lead goes on")
        assert daemon.stop() == 0


def test_one_type_that_is_never_taken_holds_up_no_other_lead_however_many_there_are(
    receiver: Receiver, fresh_database: str, connect: Connect
) -> None:
    connection = connect(fresh_database)
    connection.execute("insert into public.leads (user_id) values (7)")
    database = Database(fresh_database)
    with database.session() as session:
        sink = open_sink(receiver.url, database)
        publish(session, sink, 500)
        connection.execute("insert into public.leads (user_id) select 7 from generate_series(1, 40)")
        connection.execute("call public.create_lead_hold(1, 7, 'price list owed')")
        receiver.answer = lambda r: Answer(500 if "activated" in r.headers["ce-type"] else 204)
        assert publish(session, sink, 4).by_type == {"lead.hold.created": 1}
        sink.close()
    counted = connection.execute("select count(*), min(attempts), max(attempts) from public.outbox")
    assert counted.fetchone() == (40, 1, 1)


def test_one_type_that_is_never_taken_holds_up_no_other_however_far_behind_it_stands(
    receiver: Receiver, fresh_database: str, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LEADGUARD_WEBHOOK_TIMEOUT", "15")
    monkeypatch.setattr("jobs.publish._FURTHER_LIMIT", 8)
    connection = connect(fresh_database)
    database = Database(fresh_database)
    receiver.answer = lambda r: Answer(500 if "activated" in r.headers["ce-type"] else 204)
    connection.execute("insert into public.leads (user_id) select 7 from generate_series(1, 40)")
    connection.execute(
        "insert into public.sample_requests (user_id, product_type, urgency) values (7, 'Obst', 'hoch')"
    )
    with database.session() as session:
        sink = open_sink(receiver.url, database)
        # Once it has taken that one, there is nothing left to show that it is not down.
        for _ in range(2):
            with pytest.raises(SinkFailed):
                publish(session, sink, 4)
            published = connection.execute("select event_type from public.outbox_archive").fetchall()
            assert published == [("sample.request.created",)]
            counted = connection.execute("select attempts, count(*) from public.outbox group by 1 order by 1")
            assert counted.fetchall() == [(0, 32), (1, 8)]
        sink.close()


def test_killed_publishers_lose_nothing_and_keep_each_leads_order(
    receiver: Receiver, fresh_database: str, connect: Connect
) -> None:
    prove(fresh_database, connect(fresh_database), Taken(receiver))


class Taken:
    """What the receiver has taken."""

    def __init__(self, receiver: Receiver) -> None:
        self._receiver = receiver
        self.url = receiver.url

    def delivered(self) -> list[str]:
        return [request.body.decode("utf-8") for request in self._receiver.received]


def test_a_publisher_told_to_stop_does_not_wait_for_a_receiver_that_hangs(
    receiver: Receiver, fresh_database: str, connect: Connect
) -> None:
    connect(fresh_database).execute("insert into public.leads (user_id) values (7)")
    told = threading.Event()

    def hang(_request: Received) -> Answer:
        told.set()
        return Answer(hangs=True)

    receiver.answer = hang
    process = start(fresh_database, "publish", "--sink", receiver.url, **SIGNED)
    assert told.wait(30)
    process.send_signal(signal.SIGTERM)
    started = time.monotonic()
    assert process.wait(30) == 130
    assert time.monotonic() - started < 5
