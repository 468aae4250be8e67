"""`leadguard outbox`: what operations see and do, on a real database."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import psycopg
import pytest

from tests.shell import run

Connect = Callable[..., psycopg.Connection[Any]]


class Desk:
    """An operator's terminal, and the owner's connection beside it."""

    def __init__(self, url: str, connection: psycopg.Connection[Any]) -> None:
        self.url = url
        self.connection = connection

    def run(self, *arguments: str) -> tuple[int, str, str]:
        return run(*arguments, url=self.url, COLUMNS="200")

    def outbox(self, *arguments: str) -> tuple[int, str, str]:
        return self.run("outbox", *arguments)

    def pending(self) -> list[tuple[int, str]]:
        return self.connection.execute("select id, payload::text from public.outbox order by id").fetchall()


@pytest.fixture
def desk(fresh_database: str, connect: Connect) -> Desk:
    """Three leads, of which one is reminded; nothing is published yet."""
    connection = connect(fresh_database)
    connection.execute(
        "insert into public.leads (id, user_id, created_at) values"
        " (1, 7, now() - interval '61 days'), (2, 7, now() - interval '1 day'), (3, 8, now())"
    )
    connection.execute("select public.dispatch_due_reminders()")
    return Desk(fresh_database, connection)


def test_events_are_listed_and_shown(desk: Desk) -> None:
    code, out, _ = desk.outbox("list")
    assert (code, out.count("PENDING")) == (0, 4)
    code, out, _ = desk.outbox("list", "--lead", "1", "--json")
    events = [json.loads(line) for line in out.splitlines()]
    assert [event["event_type"] for event in events] == [
        "lead.protection.reminder",
        "lead.protection.activated",
    ]
    desk.run("publish")
    assert desk.outbox("list", "--state", "pending") == (0, "no event matches\n", "")
    code, out, _ = desk.outbox("list", "--state", "published", "--type", "lead.protection.reminder", "--json")
    assert json.loads(out)["payload"] == events[0]["payload"]
    for name in (str(events[0]["id"]), events[0]["event_id"]):
        code, out, _ = desk.outbox("show", name)
        assert code == 0
        assert "PUBLISHED" in out
        assert '"10_day_expiry_reminder"' in out
    assert json.loads(desk.outbox("show", name, "--json")[1])["payload"] == events[0]["payload"]


def test_replay_shows_first_and_then_repeats_the_same_bytes(desk: Desk) -> None:
    before = [payload for _, payload in desk.pending()]
    assert desk.run("publish")[0] == 0
    code, out, _ = desk.outbox("replay", "--lead", "1")
    assert (code, out.splitlines()[-1]) == (0, "would queue again: 2 events; do it with --yes")
    shown = json.loads(desk.outbox("replay", "--lead", "1", "--json")[1])["events"]
    # By the numbers that are shown each of them can be named.
    assert [desk.outbox("show", str(event["id"]))[0] for event in shown] == [0, 0]
    assert desk.pending() == []
    code, out, _ = desk.outbox("replay", "--lead", "1", "--yes")
    assert (code, out.splitlines()[-1]) == (0, "queued again: 2 events")
    code, out, _ = desk.run("publish")
    assert out.splitlines() == [line for line in before if json.loads(line)["lead_id"] == 1]
    # By event_id, by time, and nothing that was published at another time.
    event_id = json.loads(before[0])["event_id"]
    result = json.loads(desk.outbox("replay", event_id, "--yes", "--json")[1])
    assert (result["count"], result["dry_run"], result["events"][0]["event_id"]) == (1, False, event_id)
    assert json.loads(desk.outbox("replay", "--since", "2020-01-01", "--json")[1])["count"] == 3
    assert json.loads(desk.outbox("replay", "--until", "2020-01-01", "--json")[1])["count"] == 0


def test_a_discarded_reminder_is_queued_anew(desk: Desk) -> None:
    row = desk.connection.execute(
        "select id from public.outbox where event_type = 'lead.protection.reminder'"
    ).fetchone()
    assert row is not None
    name = str(row[0])
    code, out, _ = desk.outbox("discard", name)
    assert (code, out.splitlines()[-1]) == (0, "would discard: 1 events; do it with --yes")
    assert len(desk.pending()) == 4
    assert json.loads(desk.outbox("discard", name, "--yes", "--json")[1])["events"][0]["is_queued_anew"]
    assert len(desk.pending()) == 3
    assert desk.run("remind")[0] == 0
    assert len(desk.pending()) == 4


@pytest.mark.parametrize(
    ("arguments", "expected", "sqlstate"),
    [
        (["replay"], 1, "LP023"),
        (["replay", str(uuid4())], 1, "LP024"),
        (["replay", "999999"], 1, "LP024"),
        (["replay", "1", "999999", "--yes"], 1, "LP024"),
        (["show", "999999"], 1, "LP024"),
        (["discard", "999999", "--yes"], 1, "LP024"),
        (["discard"], 2, None),
        (["discard", "one"], 2, None),
        (["show", "99999999999999999999"], 2, None),
        (["list", "--since", "yesterdayish"], 2, None),
        (["list", "--until", "2026-01-01", "--since", "2026-01-02"], 2, None),
        (["replay", "--since", "2026-01-02", "--until", "2026-01-01", "--yes"], 2, None),
    ],
)
def test_what_cannot_be_is_refused_with_a_hint(
    arguments: list[str], expected: int, sqlstate: str | None, desk: Desk
) -> None:
    code, out, error = desk.run("--json", "outbox", *arguments)
    assert (code, out) == (expected, "")
    assert json.loads(error)["sqlstate"] == sqlstate
    assert len(desk.pending()) == 4


def test_what_a_publisher_has_is_not_discarded(desk: Desk) -> None:
    row = desk.connection.execute("select min(id) from public.claim_outbox_events('somebody')").fetchone()
    assert row is not None
    code, _, error = desk.outbox("discard", str(row[0]), "--yes")
    assert code == 1
    assert "LP025" in error
    assert "CLAIMED" in desk.outbox("list")[1]


def test_dead_letters_are_seen_brought_back_or_discarded(desk: Desk) -> None:
    desk.connection.execute("update public.settings set value = '1 hour' where name = 'outbox_retry_delay'")
    desk.connection.execute(
        """
        select public.refuse_outbox_events(c.token, array_agg(c.id), array_agg('no such queue'::text),
                                           p_final => array_agg(c.lead_id < 3))
          from public.claim_outbox_events('p', 100) as c group by c.token
        """
    )
    status = json.loads(desk.run("status", "--json")[1])["outbox"]
    # Of each lead what was handed out is refused: three events for good, one for now.
    assert (status["pending"], status["retrying"], status["dead_letters"]) == (1, 1, 3)
    assert "Dead letters: 3" in desk.run("status")[1]
    code, out, _ = desk.outbox("list", "--state", "dead", "--json")
    dead = [json.loads(line) for line in out.splitlines()]
    assert (code, {event["last_error"] for event in dead}, len(dead)) == (0, {"no such queue"}, 3)
    assert "no such queue" in desk.outbox("show", str(dead[0]["id"]))[1]
    assert desk.outbox("list", "--state", "retrying")[1].count("RETRYING") == 1
    result = json.loads(desk.outbox("replay", "--state", "dead", "--lead", "2", "--yes", "--json")[1])
    assert result["count"] == 1
    names = [str(event["id"]) for event in dead if event["lead_id"] == 1]
    result = json.loads(desk.outbox("discard", *names, "--yes", "--json")[1])
    assert sorted(event["is_queued_anew"] for event in result["events"]) == [False, True]
    assert desk.outbox("list", "--state", "dead")[1] == "no event matches\n"
