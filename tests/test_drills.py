"""Training drills: what is set up is not solved yet, and the model solution solves it."""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
import pytest
from click.testing import CliRunner, Result

from jobs.cli import cli
from jobs.cluster import Cluster
from jobs.database import Connection, Database
from jobs.drills import Drill, find_drill, judge, read_drills, set_up, solve
from jobs.errors import LeadguardError

Connect = Callable[..., psycopg.Connection[Any]]

PERSON = "Erika Muster"
_AT_HAND = """
    select id, reminder_due_at, protection_expires_at
      from public.v_user_lead_protection
     where reminder_due_at between now() - interval '2 hours' and now() + interval '6 hours'
        or protection_expires_at between now() - interval '2 hours' and now() + interval '6 hours'
"""


@contextmanager
def rolled_back(url: str) -> Iterator[Connection]:
    """A database like a scratch one, which costs nothing to make."""
    with Database(url).session() as connection, connection.transaction(force_rollback=True):
        yield connection


@pytest.mark.parametrize("drill", read_drills(), ids=lambda drill: drill.name)
def test_a_drill_is_passed_by_its_solution_and_not_before(drill: Drill, database_url: str) -> None:
    for locale in ("de", "en"):
        assert all(drill.text(locale, what) for what in ("title", "learn", "task"))
    with rolled_back(database_url) as connection:
        set_up(connection, drill, PERSON)
        # Whoever takes their time must not see something fall due between their answer and its check.
        assert connection.execute(_AT_HAND).fetchall() == []
        # Each check is one that fails as it stands, or one that forbids to do too much.
        undone = judge(connection, drill, "en", None)
        assert undone
        assert len(judge(connection, drill, "de", "no idea")) == len(undone)
        answer = solve(connection, drill)
        assert judge(connection, drill, "en", answer) == []
        assert (answer is None) == (drill.answer is None)
        if answer is not None:
            assert answer != "None"
            assert judge(connection, drill, "en", None) == ["The question is not answered (--answer)."]
            assert judge(connection, drill, "en", f"{answer}1") == ["The answer is not right."]
            assert judge(connection, drill, "en", f" {answer.upper()} ") == []
        assert connection.execute("select * from public.verify_lead_protection()").fetchall() == []


@pytest.mark.parametrize(
    ("name", "done", "is_solved_then", "wrong"),
    [
        ("hold-management", "call release_lead_hold(4713, 9)", True, "released, though the samples"),
        ("hold-management", "call create_lead_hold(4711, 7, 'now')", False, "does not begin yesterday"),
        ("reminder-troubleshooting", "delete from outbox_dead_letters", True, "discarded"),
        ("emergency-escalation", "call create_lead_hold(4712, 8, 'too')", True, "lost nothing"),
        ("emergency-escalation", "update event_catering_requests set responded_at = now()", True, "as if it"),
        ("peak-response", "delete from outbox", True, "without having been published"),
        (
            "milestones",
            "update season_milestones set entered_at = now() where task = 'Review'",
            True,
            "not meant",
        ),
        ("alert-response", "select expect_job('expire', false)", False, "switched off"),
    ],
)
def test_a_drill_is_not_passed_by_doing_something_else(
    name: str, done: str, is_solved_then: bool, wrong: str, database_url: str
) -> None:
    drill = find_drill(name)
    with rolled_back(database_url) as connection:
        set_up(connection, drill, PERSON)
        connection.execute(done.encode())
        answer = solve(connection, drill) if is_solved_then else None
        assert any(wrong in said for said in judge(connection, drill, "en", answer))


@pytest.fixture
def leadguard(
    cluster: Cluster, template: str, fresh_database: str, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[..., Result]]:
    """The command line, with scratch databases that are clones: migrating takes longer than all the rest."""
    made = []

    def cloned(server: Database, name: str) -> Database:
        made.append(name)
        return Database(cluster.create_database(name, template))

    monkeypatch.setattr("jobs.drill.create_database", cloned)
    monkeypatch.setattr("jobs.drill.migrate", lambda url: None)
    yield lambda *arguments, form=("--json",): CliRunner().invoke(
        cli, ["drill", *arguments, "--database-url", fresh_database, *form]
    )
    for name in made:
        cluster.drop_database(name)


def test_a_drill_is_started_checked_and_recorded(
    leadguard: Callable[..., Result], fresh_database: str, connect: Connect
) -> None:
    connection = connect(fresh_database)

    def scratch_databases() -> list[str]:
        rows = connection.execute("select datname from pg_database where datname like 'leadguard_drill_%'")
        return [row[0] for row in rows]

    hers = ("capacity-calculator", "--person", PERSON)
    assert "has not started" in str(leadguard("check", *hers).exception)
    started = json.loads(leadguard("start", *hers).stdout)
    assert (started["asks"], len(scratch_databases())) == (True, 1)
    assert scratch_databases()[0] in started["url"]
    assert "has started capacity-calculator already" in str(leadguard("start", *hers).exception)
    # Two at once: the second sees none yet. It must not take the first one's database away.
    with pytest.MonkeyPatch.context() as late:
        late.setattr("jobs.drill._is_there", lambda connection, scratch: False)
        assert "has started capacity-calculator already" in str(leadguard("start", *hers).exception)
    assert len(scratch_databases()) == 1
    failed = leadguard("check", *hers, "--answer", "20", "--locale", "de")
    assert (failed.exit_code, json.loads(failed.stdout)["wrong"]) == (8, ["Die Antwort stimmt nicht."])
    passed = leadguard("check", *hers, "--answer", "21")
    assert (passed.exit_code, json.loads(passed.stdout)["passed"]) == (0, True)
    assert scratch_databases() == []
    shown = leadguard("start", "view-queries", "--person", "Jonas", form=("--locale", "de"))
    assert shown.exit_code == 0
    assert "leadguard drill check view-queries --person Jonas --locale de --answer …" in shown.stdout
    assert leadguard("stop", "view-queries", "--person", "Jonas").exit_code == 0
    assert scratch_databases() == []

    assert connection.execute(
        "select person, drill, passed, took > interval '0' from public.drill_results order by id"
    ).fetchall() == [(PERSON, "capacity-calculator", passed, True) for passed in (False, True)]
    assert connection.execute("select count(*) from public.leads").fetchone() == (0,)
    listed = {row["drill"]: row["results"] for row in json.loads(leadguard("list").stdout)["drills"]}
    assert list(listed) == [drill.name for drill in read_drills()]
    (result,) = listed.pop("capacity-calculator")
    assert (result["person"], result["checks"], result["passed_at"] is not None) == (PERSON, 2, True)
    assert not any(listed.values())
    refused = leadguard("check", "view-queries", "--person", "O'Brien; reboot").exception
    assert isinstance(refused, LeadguardError)
    assert shlex.split(refused.hint or "")[-2:] == ["--person", "O'Brien; reboot"]
    assert "there is no drill" in str(leadguard("start", "juggling", "--person", "Jonas").exception)
