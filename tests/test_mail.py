"""Reminder mail, end to end: a real database, a real SMTP server, and whatever goes wrong between them."""

from __future__ import annotations

import json
import os
import random
import socket
import ssl
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.brokers import HOST, NatsServer
from tests.daemon import Daemon, eventually, start
from tests.mail_server import BLANK, CUT, HALF, HANG, Delivered, MailServer, with_login
from tests.shell import run

KILLS = max(5, int(os.environ.get("LEADGUARD_KILLS", "100")) // 20)
Connect = Callable[..., psycopg.Connection[Any]]


class Office:
    """A database where mail is configured, and its owner's connection."""

    def __init__(self, url: str, connection: psycopg.Connection[Any]) -> None:
        self.url = url
        self.connection = connection
        connection.execute(
            "update public.settings set value = 'FreshFoodz <leads@mail.example>' where name = 'mail_from'"
        )

    def user(self, user: int, email: str | None, locale: str = "en", name: str | None = "Ada") -> None:
        self.connection.execute(
            "insert into public.sales_users (user_id, display_name, email, locale) values (%s, %s, %s, %s)"
            " on conflict (user_id) do update set email = excluded.email",
            [user, name, email, locale],
        )

    def neglect(self, user: int, count: int = 1, name: str = "Krone", age: str = "61 days") -> list[int]:
        """So many leads of a user whose reminder is due."""
        rows = self.connection.execute(
            "insert into public.leads (user_id, company_name, city, created_at)"
            " select %s, %s, 'Kiel', now() - %s::interval from generate_series(1, %s) returning id",
            [user, name, age, count],
        )
        return [row[0] for row in rows]

    def remind(self) -> None:
        self.connection.execute("select public.dispatch_due_reminders(100000)")

    def mail(self, server: MailServer | str, *arguments: str, **more: str) -> tuple[int, dict[str, Any]]:
        """One pass: the exit code, and what it said in JSON."""
        url = server if isinstance(server, str) else server.url
        code, out, err = run("mail", "--json", *arguments, url=self.url, LEADGUARD_SMTP=url, **more)
        said = json.loads(out or err.splitlines()[-1])
        assert isinstance(said, dict)
        return code, said

    def messages(self, columns: str = "user_id, state") -> list[tuple[Any, ...]]:
        return self.connection.execute(
            f"select {columns} from public.mail_messages order by id".encode()  # noqa: S608
        ).fetchall()

    def states(self) -> dict[int, str]:
        return dict(self.connection.execute("select id, state from public.v_user_lead_protection").fetchall())

    def hurry(self) -> None:
        """A quarter of an hour passes for what was put off, five minutes for whoever died."""
        self.connection.execute("update public.mail_messages set next_attempt_at = now()")
        self.connection.execute(
            "update public.mail_messages set leased_until = now() where leased_until is not null"
        )


@pytest.fixture
def office(fresh_database: str, connect: Connect) -> Office:
    return Office(fresh_database, connect(fresh_database))


@pytest.fixture
def server() -> Iterator[MailServer]:
    with MailServer() as running:
        yield running


# --- what arrives -----------------------------------------------------------------------------------------


def test_a_due_reminder_arrives_and_its_ten_days_run(office: Office, server: MailServer) -> None:
    office.user(7, "ada@example.org", "de", "Ada Groß <i>&")
    (lead,) = office.neglect(7, name="Hotel <b>Krone</b> & Söhne")
    office.remind()
    code, said = office.mail(server)
    assert (code, said["composed"], said["sent"], said["failures"]) == (0, 1, 1, [])
    (letter,) = server.delivered
    message = letter.message
    assert (letter.sender, letter.recipient) == ("leads@mail.example", "ada@example.org")
    assert message["From"] == "FreshFoodz <leads@mail.example>"
    assert message["To"].addresses[0].display_name == "Ada Groß <i>&"
    assert "Ada Groß &lt;i&gt;&amp;," in letter.part("html")
    assert message["Auto-Submitted"] == "auto-generated"
    assert message["Content-Language"] == "de"
    assert str(message["Subject"]).startswith("Hotel <b>Krone</b> & Söhne, Kiel: Aktivität fällig")
    assert "Hotel <b>Krone</b> & Söhne, Kiel (Nr. " in letter.part("plain")
    assert "Hotel &lt;b&gt;Krone&lt;/b&gt; &amp; Söhne" in letter.part("html")
    assert "<b>Krone" not in letter.part("html")
    assert office.states() == {lead: "GRACE"}
    told = office.connection.execute(
        "select to_char(timezone('Europe/Berlin', v.grace_ends_at - interval '3 seconds'), 'DD.MM.YYYY'),"
        " r.sent_at = m.sent_at, m.message_id"
        " from public.v_user_lead_protection as v"
        " join public.lead_reminders as r on r.lead_id = v.id, public.mail_messages as m"
    ).fetchone()
    assert told == (told[0] if told else "", True, letter.message_id)
    assert told is not None
    assert told[0] in letter.part("plain")
    assert office.mail(server)[1]["sent"] == 0


def test_a_former_partner_reads_nothing_of_the_new_ones_dates(office: Office, server: MailServer) -> None:
    office.user(7, "ada@example.org")
    (lead,) = office.neglect(7)
    office.remind()
    assert run("publish", "--sink", "file:/dev/null", url=office.url)[0] == 0
    office.connection.execute("update public.leads set user_id = 8 where id = %s", [lead])
    office.connection.execute(
        "insert into public.lead_activities (lead_id, user_id, activity_type)"
        " values (%s, 8, 'QUALIFIED_CALL')",
        [lead],
    )
    assert office.mail(server)[1]["sent"] == 1
    (letter,) = server.delivered
    for part in ("plain", "html"):
        assert "handed over" in letter.part(part)
        assert "qualified activity" not in letter.part(part)
        assert "protection began" not in letter.part(part)


def test_many_reminders_of_a_user_are_one_digest_and_few_are_not(office: Office, server: MailServer) -> None:
    office.user(7, "ada@example.org")
    office.user(8, "bob@example.org")
    office.neglect(7, 6)
    office.neglect(8, 5)
    office.remind()
    assert office.mail(server)[1]["sent"] == 6
    assert Counter(letter.recipient for letter in server.delivered) == {
        "ada@example.org": 1,
        "bob@example.org": 5,
    }
    (digest,) = (letter for letter in server.delivered if letter.recipient == "ada@example.org")
    assert str(digest.message["Subject"]).startswith("6 leads need you: protection ends from ")
    assert set(office.states().values()) == {"GRACE"}


def test_a_burst_that_a_worker_meets_half_way_is_few_single_mails_and_a_digest(
    office: Office, server: MailServer
) -> None:
    office.user(7, "ada@example.org")
    for _ in range(4):
        office.neglect(7, 3)
        office.remind()
        office.mail(server)
    assert len(server.delivered) == 3 + 1 + 1 + 1


def test_five_hundred_leads_are_one_digest(office: Office, server: MailServer) -> None:
    office.user(7, "ada@example.org", "de")
    office.neglect(7, 500, name="Betriebsrestaurant am " + "langen " * 40)
    office.remind()
    assert office.mail(server)[1]["sent"] == 1
    (digest,) = server.delivered
    assert digest.part("html").count("<td nowrap>") == 500
    # What is larger the big webmail services cut off.
    assert len(digest.part("html").encode()) < 150_000
    assert all(len(line) <= 998 for line in digest.message.as_bytes().splitlines())
    assert set(office.states().values()) == {"GRACE"}


def test_a_connection_carries_many_messages(office: Office, server: MailServer) -> None:
    for user in range(1, 31):
        office.user(user, f"user{user}@example.org")
        office.neglect(user)
    office.remind()
    assert office.mail(server, "--limit", "7")[1]["sent"] == 30
    assert server.connections == 1


def test_a_dry_run_and_a_preview_send_and_change_nothing(
    office: Office, server: MailServer, tmp_path: Path
) -> None:
    office.user(7, "ada@example.org")
    office.user(8, "nobody at all")
    office.neglect(7)
    office.neglect(8)
    office.remind()
    _, said = office.mail(server, "--dry-run")
    assert [message["to"] for message in said["messages"]] == ["ada@example.org", "nobody at all"]
    assert "no mail address" in said["messages"][1]["refused"]
    office.mail(server, "--preview", str(tmp_path / "mails"))
    office.mail(server, "--preview", str(tmp_path / "first.html"))
    assert sorted(path.suffix for path in (tmp_path / "mails").iterdir()) == [".eml", ".html", ".txt"]
    assert "Krone" in (tmp_path / "first.html").read_text("utf-8")
    assert office.mail(server, "--preview", str(tmp_path / "first.pdf"))[0] == 2
    assert (server.delivered, office.messages()) == ([], [])


def test_what_is_in_no_mail_yet_waits_as_well(office: Office, server: MailServer) -> None:
    office.user(7, "ada@example.org")
    assert run("mail", "--list", url=office.url)[1] == "No mail waits.\n"
    office.neglect(7)
    office.neglect(7)
    office.remind()
    listed = json.loads(run("mail", "--list", "--json", url=office.url)[1])
    assert listed == {"messages": [], "reminders_to_be_written": 2}
    assert "about 2 reminders that are in no mail yet" in run("mail", "--list", url=office.url)[1]
    office.mail(server)
    assert run("mail", "--list", url=office.url)[1] == "No mail waits.\n"


# --- what is refused --------------------------------------------------------------------------------------


def test_what_a_server_puts_off_is_tried_again_and_what_it_refuses_is_shown(
    office: Office, server: MailServer
) -> None:
    leads = {}
    for user, name in enumerate(("fine", "later", "gone", "spam", "full"), start=1):
        office.user(user, f"{name}@example.org")
        leads[name] = office.neglect(user)[0]
    server.at_recipient = {
        "later@example.org": "451 4.7.1 greylisted",
        "gone@example.org": "550 no such user",
    }
    server.at_data = {"spam@example.org": "554 looks like spam", "full@example.org": "452 mailbox full"}
    office.remind()
    code, said = office.mail(server)
    assert (code, said["sent"], said["put_off"], said["bounced"]) == (0, 1, 2, 2)
    states = ["SENT", "PENDING", "BOUNCED", "BOUNCED", "PENDING"]
    assert [row[1] for row in office.messages()] == states
    assert Counter(office.states().values()) == {"GRACE": 1, "REMINDER_DUE": 4}
    _, out, _ = run("mail", "--list", url=office.url, COLUMNS="200")
    assert "550 no such user" in out
    _, out, _ = run("status", url=office.url)
    assert "Mail: 2 messages pending" in out
    assert "2 bounced" in out

    server.at_recipient, server.at_data = {}, {}
    office.hurry()
    assert office.mail(server)[1]["sent"] == 2
    office.user(3, "found@example.org")
    assert office.mail(server)[1]["sent"] == 1
    assert run("mail", "--resend", "all", "--json", url=office.url)[1] == '{"number": 1, "dry_run": false}\n'
    assert office.mail(server)[1]["sent"] == 1
    assert len({letter.message_id for letter in server.delivered}) == len(server.delivered) == 5
    assert set(office.states().values()) == {"GRACE"}
    counts = office.connection.execute("select outcome, value from public.metric_mail_messages_total")
    assert dict(counts.fetchall()) == {"sent": 5, "bounced": 2, "unknown": 0}


@pytest.mark.parametrize(
    "hostile",
    [
        "ada@example.org\r\nBcc: all@example.org",
        "ada@example.org>\r\nRCPT TO:<all@example.org",
        "ada@example.org, all@example.org",
        "Ada <ada@example.org>",
        "ada@exa mple.org",
        "ada@-example.org",
        "ada\u202e@example.org",
        "@example.org",
        "ada@",
        "a" * 65 + "@example.org",
        "ada@" + "a" * 64 + ".org",
        "ada@" + "a." * 200 + "org",
    ],
)
def test_an_address_that_is_none_bounces_and_stops_nobody(
    office: Office, server: MailServer, hostile: str
) -> None:
    office.user(1, hostile)
    office.user(2, "bob@example.org")
    office.neglect(1)
    office.neglect(2)
    office.remind()
    code, said = office.mail(server)
    assert (code, said["sent"], said["bounced"]) == (0, 1, 1)
    assert "no mail address" in said["failures"][0]["reason"]
    assert [letter.recipient for letter in server.delivered] == ["bob@example.org"]


def test_addresses_beyond_ascii_go_where_the_server_takes_them(office: Office, server: MailServer) -> None:
    office.user(1, "jürgen@müller.example")
    office.user(2, "bob@müller.example")
    office.neglect(1)
    office.neglect(2)
    office.remind()
    code, said = office.mail(server)
    assert (code, said["sent"], said["bounced"]) == (0, 1, 1)
    assert said["failures"][0]["reason"] == "the mail server takes no address with letters beyond ASCII"
    assert server.delivered[0].recipient == "bob@xn--mller-kva.example"
    with MailServer(enable_SMTPUTF8=True) as modern:
        run("mail", "--resend", "all", url=office.url)
        assert office.mail(modern)[1]["sent"] == 1
        assert modern.delivered[0].recipient == "jürgen@xn--mller-kva.example"


def test_names_put_no_headers_and_no_lines_into_a_mail(office: Office, server: MailServer) -> None:
    office.user(7, "ada@example.org", "de", "Ada\r\nBcc: all@example.org\r\n\r\n<script>alert(1)</script>")
    office.neglect(7, name="Krone\r\nX-Evil: yes\r\n.\r\nMAIL FROM:<x@y.z>\u202egnp.exe\u200b" + "x" * 5000)
    office.remind()
    assert office.mail(server)[1]["sent"] == 1
    (letter,) = server.delivered
    assert letter.message["Bcc"] is None
    assert letter.message["X-Evil"] is None
    assert letter.recipient == "ada@example.org"
    assert "<script>" not in letter.part("html")
    for text in (str(letter.message["Subject"]), letter.part("plain"), letter.part("html")):
        assert "\u202e" not in text
        assert "\u200b" not in text
    assert len(str(letter.message["Subject"])) < 200


# --- a server that does not work --------------------------------------------------------------------------


def test_a_server_that_is_away_costs_no_attempt(office: Office, server: MailServer) -> None:
    office.user(7, "ada@example.org")
    office.neglect(7)
    office.remind()
    server.stop()
    code, said = office.mail(server)
    assert (code, "cannot be used" in said["error"]) == (6, True)
    assert office.messages("state, attempts") == [("PENDING", 0)]
    server.start()
    assert office.mail(server)[1]["sent"] == 1


def test_a_sender_that_is_not_accepted_bounces_nobody(office: Office, server: MailServer) -> None:
    office.user(7, "ada@example.org")
    office.neglect(7)
    office.remind()
    server.at_mail = "550 5.7.1 not yours"
    code, said = office.mail(server)
    assert (code, "not yours" in said["error"]) == (6, True)
    assert office.messages("state, attempts") == [("PENDING", 1)]


@pytest.mark.parametrize(
    ("setting", "name"),
    [
        ("FreshFoodz, Vertrieb <leads@mail.example>", "FreshFoodz, Vertrieb"),
        ('"FreshFoodz: Leads" <leads@mail.example>', "FreshFoodz: Leads"),
        ("Krüger; Söhne (Köln) <leads@mail.example>", "Krüger; Söhne (Köln)"),
        ("leads@mail.example", ""),
    ],
)
def test_a_senders_name_may_have_any_signs(
    office: Office, server: MailServer, setting: str, name: str
) -> None:
    office.connection.execute("update public.settings set value = %s where name = 'mail_from'", [setting])
    office.user(7, "ada@example.org")
    office.neglect(7)
    office.remind()
    assert office.mail(server)[1]["sent"] == 1
    (sender,) = server.delivered[0].message["From"].addresses
    assert (sender.display_name, sender.addr_spec) == (name, "leads@mail.example")


def test_a_setting_that_is_no_sender_bounces_nobody(office: Office, server: MailServer) -> None:
    office.connection.execute(
        "update public.settings set value = 'leads@mail..example' where name = 'mail_from'"
    )
    office.user(7, "ada@example.org")
    office.neglect(7)
    office.remind()
    code, said = office.mail(server)
    assert (code, "mail_from cannot be used" in said["error"]) == (6, True)
    assert office.messages("state") == [("PENDING",)]


@pytest.mark.parametrize("how", [CUT, HALF, BLANK])
def test_a_server_that_closes_the_connection_has_refused_nobody(
    office: Office, server: MailServer, how: str
) -> None:
    office.user(1, "ada@example.org")
    office.neglect(1)
    office.remind()
    server.at_recipient = {"ada@example.org": how}
    code, said = office.mail(server)
    assert (code, said["put_off"], said["bounced"], said["unknown"]) == (0, 1, 0, 0)
    ((state, error),) = office.messages("state, last_error")
    assert state == "PENDING"
    assert error.startswith("the connection broke: Connection unexpectedly closed")


@pytest.mark.parametrize("how", [CUT, HALF, BLANK, HANG])
def test_no_answer_to_a_message_is_unknown_and_it_is_sent_again_under_its_name(
    office: Office, server: MailServer, how: str
) -> None:
    office.user(1, "ada@example.org")
    office.user(2, "bob@example.org")
    office.neglect(1)
    office.neglect(2)
    office.remind()
    server.at_data = {"ada@example.org": how}
    code, said = office.mail(server.url.replace("timeout=3", "timeout=1"))
    assert (code, said["sent"], said["unknown"]) == (0, 1, 1)
    server.at_data = {}
    office.hurry()
    assert office.mail(server)[1]["sent"] == 1
    assert office.messages("state, unknowns") == [("SENT", 1), ("SENT", 0)]
    assert server.delivered[1].message_id == office.messages("message_id")[0][0]


def test_a_server_that_always_breaks_off_ends_the_pass(office: Office, server: MailServer) -> None:
    for user in range(1, 6):
        office.user(user, f"user{user}@example.org")
        office.neglect(user)
        server.at_data[f"user{user}@example.org"] = CUT
    office.remind()
    code, said = office.mail(server)
    assert (code, "breaks off" in said["error"]) == (6, True)
    assert Counter(office.messages("state, unknowns")) == {("PENDING", 1): 2, ("PENDING", 0): 3}


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate for this machine that nobody has signed, with its key."""
    path = tmp_path_factory.mktemp("tls") / "server.pem"
    subject = ["-subj", "/CN=localhost", "-addext", f"subjectAltName=DNS:localhost,IP:{HOST}"]
    make = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", *subject]
    subprocess.run([*make, "-keyout", path, "-out", f"{path}.crt"], check=True, capture_output=True)
    path.write_text(path.read_text() + Path(f"{path}.crt").read_text())
    return path


def test_a_password_goes_under_tls_only_and_to_whom_one_trusts(
    office: Office, certificate: Path, tmp_path: Path
) -> None:
    office.user(7, "ada@example.org")
    office.neglect(7)
    office.remind()
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate)
    right, wrong = tmp_path / "right", tmp_path / "wrong"
    right.write_text("gehe:im@1\n")
    wrong.write_text("falsch")
    with with_login("leads", "gehe:im@1", context) as server:
        url = f"smtp://leads@{HOST}:{server.port}?starttls=required"
        trusted = {"SSL_CERT_FILE": str(certificate)}
        code, said = office.mail(url)
        assert (code, said["error"]) == (2, "no password for leads at the mail server")
        code, said = office.mail(url, LEADGUARD_SMTP_PASSWORD_FILE=str(right))
        assert (code, "CERTIFICATE_VERIFY_FAILED" in said["error"]) == (6, True)
        code, said = office.mail(url, LEADGUARD_SMTP_PASSWORD_FILE=str(wrong), **trusted)
        assert (code, "535" in said["error"]) == (6, True)
        assert "falsch" not in json.dumps(said)
        assert office.messages("state, attempts") == [("PENDING", 0)]
        assert office.mail(url, LEADGUARD_SMTP_PASSWORD_FILE=str(right), **trusted)[1]["sent"] == 1


@pytest.mark.parametrize(
    "url",
    [
        "smtp://", "mail.example", "http://mail.example", "smtp://mail.example?starttls=perhaps",
        "smtp://mail.example?timeout=0", "smtp://mail.example:mail", "smtp://a:geheim@mail.example?starttls=never",
        "smtp://a:geheim@[mail.example",
    ],
)  # fmt: skip
def test_a_url_that_is_none_is_wrong_usage_and_shows_no_password(office: Office, url: str) -> None:
    code, said = office.mail(url)
    assert code == 2
    assert "geheim" not in json.dumps(said)


def test_mail_that_is_not_configured_says_so(office: Office, server: MailServer) -> None:
    office.connection.execute("update public.settings set value = '' where name = 'mail_from'")
    code, said = office.mail(server)
    assert (code, said["error"]) == (2, "mail is not configured")
    assert run("mail", url=office.url)[0] == 2


# --- workers that die, and several of them ----------------------------------------------------------------


def test_two_workers_at_once_send_nothing_twice(office: Office, server: MailServer) -> None:
    for user in range(1, 101):
        office.user(user, f"user{user}@example.org")
        office.neglect(user)
    office.remind()
    workers = [start(office.url, "mail", "--limit", "5", "--smtp", server.url) for _ in range(2)]
    assert [worker.wait(60) for worker in workers] == [0, 0]
    assert len(server.delivered) == 100
    assert len({letter.message_id for letter in server.delivered}) == 100
    assert set(office.states().values()) == {"GRACE"}


def test_a_worker_killed_after_the_claim_has_sent_nothing(office: Office, server: MailServer) -> None:
    office.user(7, "ada@example.org")
    office.neglect(7)
    office.remind()
    with socket.create_server((HOST, 0)) as silent:  # takes the connection and says nothing
        worker = start(office.url, "mail", "--smtp", f"smtp://{HOST}:{silent.getsockname()[1]}")
        eventually(lambda: office.messages("state") == [("CLAIMED",)], "the worker has claimed")
        worker.kill()
        worker.communicate()
    assert office.mail(server)[1]["sent"] == 0, "its lease runs"
    office.hurry()
    assert office.mail(server)[1]["sent"] == 1
    assert office.messages("state, unknowns") == [("SENT", 0)]


def killed_before_recording(office: Office, server: MailServer, connection: psycopg.Connection[Any]) -> None:
    """A pass that is killed when the server has accepted the message and nothing is recorded."""
    accepted = len(server.delivered)

    def hold(_: Delivered) -> None:
        connection.execute("select from public.mail_messages for update")

    server.on_data = hold
    worker = start(office.url, "mail", "--smtp", server.url)
    waits = (
        "select count(*) = 1 from pg_stat_activity"
        " where query ~ 'record_mail_sent' and wait_event_type = 'Lock'"
    )
    eventually(
        lambda: office.connection.execute(waits).fetchone() == (True,), "the worker is about to record"
    )
    worker.kill()
    worker.communicate()
    server.on_data = lambda _: None
    gone = "select count(*) = 0 from pg_stat_activity where application_name = 'leadguard mail'"
    office.connection.execute(
        "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'leadguard mail'"
    )
    eventually(
        lambda: office.connection.execute(gone).fetchone() == (True,), "the server has noticed its death"
    )
    connection.rollback()
    assert len(server.delivered) == accepted + 1
    assert office.messages("state") == [("SENDING",)]
    office.hurry()


def test_a_worker_killed_before_it_records_sends_once_more_and_only_once(
    office: Office, server: MailServer, connect: Connect
) -> None:
    office.user(7, "ada@example.org")
    (lead,) = office.neglect(7)
    office.remind()
    holder = connect(office.url, autocommit=False)
    killed_before_recording(office, server, holder)
    assert office.states() == {lead: "REMINDER_DUE"}
    assert office.mail(server)[1]["sent"] == 1
    assert len({letter.message_id for letter in server.delivered}) == 1
    assert len(server.delivered) == 2
    assert office.messages("state, unknowns") == [("SENT", 1)]
    assert office.states() == {lead: "GRACE"}
    counts = office.connection.execute("select outcome, value from public.metric_mail_messages_total")
    assert dict(counts.fetchall()) == {"sent": 1, "bounced": 0, "unknown": 1}


def test_a_message_that_two_workers_died_of_waits_for_operations(
    office: Office, server: MailServer, connect: Connect
) -> None:
    office.user(7, "ada@example.org")
    (lead,) = office.neglect(7)
    office.remind()
    holder = connect(office.url, autocommit=False)
    killed_before_recording(office, server, holder)
    killed_before_recording(office, server, holder)
    assert office.mail(server)[1]["sent"] == 0
    assert office.messages("state, unknowns") == [("UNKNOWN", 2)]
    assert len(server.delivered) == 2
    assert office.states() == {lead: "REMINDER_DUE"}
    run("mail", "--by-event", str(office.messages("id")[0][0]), url=office.url)
    assert office.messages() == []
    assert office.connection.execute("select channel from public.lead_reminders").fetchone() == ("EVENT",)


def test_workers_killed_at_random_lose_no_mail_and_repeat_only_what_they_count(
    office: Office, server: MailServer
) -> None:
    users = 20 * KILLS
    for user in range(1, users + 1):
        office.user(user, f"user{user}@example.org")
        office.neglect(user)
    office.remind()
    server.on_data = lambda _: time.sleep(0.003)
    chance = random.Random()
    for _ in range(KILLS):
        before = len(server.delivered)
        worker = start(office.url, "mail", "--smtp", server.url)
        eventually(lambda: len(server.delivered) > before or worker.poll() is not None, "it is at work")  # noqa: B023
        time.sleep(chance.uniform(0, 0.1))
        worker.kill()
        worker.communicate()
        office.hurry()
    server.on_data = lambda _: None
    assert office.mail(server)[0] == 0
    run("mail", "--resend", "all", url=office.url)
    assert office.mail(server)[0] == 0
    seen = Counter(letter.message_id for letter in server.delivered)
    assert len(seen) == users
    assert set(office.messages("state")) == {("SENT",)}
    unknowns = dict(office.messages("message_id, unknowns"))
    assert all(count - 1 <= unknowns[message_id] for message_id, count in seen.items())
    assert set(office.states().values()) == {"GRACE"}


def test_an_acceptance_stays_on_record_while_a_lead_is_busy(
    office: Office, server: MailServer, connect: Connect
) -> None:
    office.user(7, "ada@example.org")
    busy, *free = office.neglect(7, 6)
    office.remind()
    writer = connect(office.url, autocommit=False)
    writer.execute("select from internal.lead_clocks where lead_id = %s for update", [busy])
    assert office.mail(server)[1]["sent"] == 1
    assert office.states() == {busy: "REMINDER_DUE", **dict.fromkeys(free, "GRACE")}
    writer.commit()
    assert office.mail(server)[1]["sent"] == 0
    assert set(office.states().values()) == {"GRACE"}
    moments = "select count(distinct sent_at) from public.lead_reminders"
    assert office.connection.execute(moments).fetchone() == (1,)
    assert len(server.delivered) == 1


# --- leadguard run, and three hours without anybody -------------------------------------------------------


def test_run_sends_mail_when_a_server_is_named(office: Office, server: MailServer) -> None:
    office.user(7, "ada@example.org")
    office.neglect(7)
    often = ["--remind-every", "0.2", "--mail-every", "0.2"]
    server.stop()
    with Daemon(office.url, *often, variables={"LEADGUARD_SMTP": server.url}) as daemon:
        daemon.waits_for("mail", "cannot be used")
        server.start()
        eventually(lambda: len(server.delivered) == 1, "the mail has arrived")
        eventually(lambda: set(office.states().values()) == {"GRACE"}, "it is recorded")
        assert daemon.stop() == 0
        assert daemon.noise == []
    runs = office.connection.execute("select distinct outcome from public.job_runs where job = 'mail'")
    assert {row[0] for row in runs} == {"SUCCESS", "FAILURE"}


def test_three_hours_without_broker_and_mail_server_cost_nobody_a_lead(
    office: Office, server: MailServer, nats_server: NatsServer
) -> None:
    office.user(7, "ada@example.org")
    office.user(8, None)
    by_mail = office.neglect(7, 2, age="60 days 3 hours") + office.neglect(7, 1, age="80 days")
    by_event = office.neglect(8, 1, age="60 days 3 hours") + office.neglect(8, 1, age="80 days")
    (ended,) = office.neglect(7, 1, age="6 months 1 hour")
    server.stop()
    nats_server.stop()
    sink = f"nats://{HOST}:{nats_server.port}/leadguard?create=true"

    def passes() -> list[int]:
        codes = [run("remind", url=office.url)[0]]
        codes.append(run("publish", "--sink", sink, url=office.url)[0])
        codes.append(office.mail(server)[0])
        codes.append(run("expire", url=office.url)[0])
        return codes

    assert passes() == [0, 6, 6, 0]
    # Three hours pass: everything that was written down moves back.
    for change in (
        "update public.lead_reminders set created_at = created_at - interval '3 hours'",
        "update public.lead_reminders set known_at = known_at - interval '3 hours'",
        "update public.outbox set created_at = created_at - interval '3 hours'",
        "update public.mail_messages set created_at = created_at - interval '3 hours'",
    ):
        office.connection.execute(change)
    assert passes() == [0, 6, 6, 0]
    expected = {**dict.fromkeys(by_mail + by_event, "REMINDER_DUE"), ended: "EXPIRED"}
    assert office.states() == expected
    reason = "select end_reason from public.v_user_lead_protection where id = %s"
    assert office.connection.execute(reason, [ended]).fetchone() == ("BASE_TERM",)
    late = "select status from public.production_readiness_check() where what = 'reminders in time'"
    assert office.connection.execute(late).fetchone() == ("FAIL",)

    server.start()
    nats_server.start()
    office.hurry()
    before = office.connection.execute("select now()").fetchone()
    assert before is not None
    assert passes() == [0, 0, 0, 0]
    assert office.states() == {**dict.fromkeys(by_mail + by_event, "GRACE"), ended: "EXPIRED"}
    ten_days = office.connection.execute(
        "select bool_and(v.grace_ends_at = internal.add_local(r.sent_at, '10 days', 'Europe/Berlin')),"
        " bool_and(r.sent_at >= %s), count(*)"
        " from public.v_user_lead_protection as v join public.lead_reminders as r on r.lead_id = v.id"
        " where v.state = 'GRACE'",
        before,
    ).fetchone()
    assert ten_days == (True, True, 5)
    assert len(server.delivered) == len(by_mail)
