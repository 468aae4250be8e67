"""Runbooks: whatever a help text tells somebody to run at night runs, as the role that would run it."""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path
from typing import Any

import click
import psycopg
import pytest
from psycopg import sql
from psycopg.rows import dict_row

from jobs.cli import cli
from jobs.cluster import Cluster
from jobs.database import Database
from jobs.demo import import_examples
from jobs.migrate import migrate
from jobs.runbook import filled, from_file
from jobs.runbook_files import read_runbooks
from tests.shell import run

Connect = Callable[..., psycopg.Connection[Any]]

# What the parameters' examples name, and a row in each table that a statement looks at.
STORY = """
insert into leads (id, user_id, company_name, created_at) values
    (4711, 7, 'Kantine am Fluss [red]x[/red]', now() - interval '20 days'),
    (4712, 7, 'Im Verzug', now() - interval '70 days'),
    (4713, 7, 'Vorbei', now() - interval '7 months'),
    (4714, 7, 'Fällig', now() - interval '61 days');
insert into lead_holds (lead_id, user_id, reason, start_at)
values (4712, 7, 'price list', now() - interval '15 days');
insert into lead_activities (lead_id, user_id, activity_type) values (4711, 7, 'QUALIFIED_CALL');
insert into sample_requests (id, lead_id, user_id, product_type, status, requested_at, resolved_at) values
    (4711, 4711, 7, 'Lachs', 'IN_TRANSIT', now() - interval '5 days', null),
    (4712, 4711, 7, 'Lachs', 'LOST', now() - interval '4 days', now() - interval '1 day'),
    (4713, 4711, 7, 'Reis', 'DELIVERED', now() - interval '4 days', now() - interval '2 days');
insert into event_catering_requests (id, lead_id, user_id, event_type, requested_at, responded_at) values
    (4711, 4711, 7, 'Hochzeit', now() - interval '3 hours', null),
    (4712, 4711, 7, 'Messe', now() - interval '3 hours', now() - interval '1 hour');
insert into cost_entries (cost_type, amount_eur, user_id, incurred_at)
values ('AI', 90, 7, now() - interval '10 minutes');
select dispatch_due_reminders();
select expire_due_protections();
select finish_job_run(start_job_run('remind'), 'SUCCESS', '{}');
select finish_job_run(start_job_run('publish'), 'FAILURE', '{"error": "nobody listens"}');
"""

# What a step may change, if it were not a trial.
COUNTS = """
select (select count(*) from lead_holds), (select count(*) from lead_extensions),
       (select count(*) from lead_activities), (select count(*) from lead_protection_periods),
       (select count(*) from outbox), (select string_agg(status, ' ' order by id) from sample_requests),
       (select count(responded_at) from event_catering_requests),
       (select string_agg(state, ' ') from mail_messages)
"""


@pytest.fixture(scope="module")
def told(cluster: Cluster, template: str) -> Iterator[str]:
    """A database with the demo's data, and what the runbooks' examples name."""
    url = cluster.create_database("leadguard_runbooks", template)
    for _ in import_examples(Database(url), date.today()):  # noqa: DTZ011  # their day does not matter here
        pass
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(STORY)
    yield url
    cluster.drop_database("leadguard_runbooks")


def steps(connection: psycopg.Connection[Any]) -> list[dict[str, Any]]:
    with connection.cursor(row_factory=dict_row) as cursor:
        return cursor.execute("select * from runbook_steps order by runbook, locale, position").fetchall()


def complaint(connection: psycopg.Connection[Any], step: dict[str, Any]) -> str | None:
    """Why a step's statement does not run, in a session of the role that would run it; None if it does."""
    statement = filled(step["sql"], step["parameters"]).encode()
    try:
        if step["run_as"] != "owner":
            connection.execute(sql.SQL("set role {}").format(sql.Identifier(step["run_as"])))
        if step["is_read_only"]:
            with connection.transaction():
                connection.execute("set transaction read only")
                connection.execute(statement)
        else:
            connection.execute(statement)
    except psycopg.Error as error:
        return f"{step['runbook']}/{step['locale']} step {step['position']}: {error}"
    finally:
        connection.execute("rollback; reset role")
    return None


# --- what they tell somebody to run -------------------------------------------------------------------------


def test_every_statement_of_every_runbook_runs_as_the_role_that_would_run_it(
    told: str, connect: Connect
) -> None:
    connection = connect(told)
    statements = [step for step in steps(connection) if step["sql"]]
    assert len(statements) > 60
    before = connection.execute(COUNTS).fetchone()
    failed = [said for step in statements if (said := complaint(connection, step))]
    assert failed == []
    assert connection.execute(COUNTS).fetchone() == before


def test_a_statement_that_does_not_fit_the_schema_would_be_noticed(told: str, connect: Connect) -> None:
    step = {"runbook": "x", "locale": "en", "position": 1, "run_as": "lead_operations", "parameters": {}}
    for statement, is_read_only in (
        ("select no_such_column from leads", True),
        ("select * from internal.lead_clocks", True),
        ("update settings set value = value", True),
        ("begin; delete from leads; rollback;", False),
    ):
        assert complaint(connect(told), {**step, "sql": statement, "is_read_only": is_read_only})


def test_a_statement_with_a_name_in_it_has_an_example_for_it(told: str, connect: Connect) -> None:
    for step in steps(connect(told)):
        for text in (step["sql"], step["command"]):
            if text:
                assert ":" not in filled(text, step["parameters"]).replace("::", ""), step


def test_a_statement_that_changes_something_is_a_trial(told: str, connect: Connect) -> None:
    with pytest.raises(psycopg.errors.CheckViolation, match="changes_are_rolled_back"):
        connect(told).execute(
            "insert into runbook_steps (runbook, locale, position, instruction, sql, run_as, is_read_only)"
            " values ('sample-loss', 'en', 99, 'x', 'begin; delete from leads; commit;', 'owner', false)"
        )


def test_every_command_of_every_runbook_is_one_that_leadguard_takes(told: str, connect: Connect) -> None:
    commands = {step["command"]: step["parameters"] for step in steps(connect(told)) if step["command"]}
    assert len(commands) > 8
    for text, parameters in commands.items():
        program, *arguments = shlex.split(filled(text, parameters))
        assert program == "leadguard"
        command: click.Command = cli
        context = click.Context(cli, info_name="leadguard")
        while isinstance(command, click.Group):
            name, found, arguments = command.resolve_command(context, arguments)
            assert found is not None, text
            command = found
        command.make_context(name, arguments, parent=context)


# The exporter's own figure: it must be there when the database is not.
_OF_THE_EXPORTER = {"leadguard_up"}


def test_every_figure_that_a_runbook_names_exists(told: str, connect: Connect) -> None:
    connection = connect(told)
    views = connection.execute("select viewname from pg_views where schemaname = 'public'").fetchall()
    known = {name.removeprefix("metric_") for (name,) in views if name.startswith("metric_")}
    for (name,) in views:
        if name.startswith("monitoring_"):
            query = sql.SQL("select kpi from {}").format(sql.Identifier(name))
            known |= {kpi for (kpi,) in connection.execute(query)}
    rows = connection.execute("select distinct jsonb_array_elements_text(kpis) from runbooks").fetchall()
    assert {kpi for (kpi,) in rows} - known - _OF_THE_EXPORTER == set()


# --- how they come into the database ------------------------------------------------------------------------


def test_an_edit_of_a_file_reaches_a_database_at_its_next_migrate(
    fresh_database: str, connect: Connect, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    import jobs.runbook_files as files

    connection = connect(fresh_database)
    connection.execute("update runbooks set title = 'edited by hand'")
    for path in files.runbook_files():
        text = path.read_text("utf-8")
        if path.stem != "cost-per-lead":
            (tmp_path / path.name).write_text(
                text.replace('title = "Sample loss"', 'title = "Anew"'), "utf-8"
            )
    monkeypatch.setattr(files, "RUNBOOKS", tmp_path)
    migrate(fresh_database)
    titles = dict(connection.execute("select runbook, title from runbooks where locale = 'en'").fetchall())
    assert titles["sample-loss"] == "Anew"
    assert titles["protection-overview"] == "User-Lead-Protection Operations"
    assert "cost-per-lead" not in titles
    count = connection.execute(
        "select count(*) from runbook_steps where runbook = 'cost-per-lead'"
    ).fetchone()
    assert count == (0,)


def test_each_file_says_everything_in_both_languages() -> None:
    for runbook in read_runbooks():
        for step in runbook["steps"]:
            assert {"de", "en"} <= set(step), runbook["runbook"]
            assert ("healthy_de" in step) == ("healthy_en" in step)
        assert len(runbook["de"]["troubleshooting"]) == len(runbook["en"]["troubleshooting"])


# --- the command --------------------------------------------------------------------------------------------


def test_the_command_answers_a_question_in_words(told: str) -> None:
    code, out, _ = run("runbook", "why did no reminder go out", url=told, COLUMNS="100")
    assert code == 0
    assert out.startswith("Reminders: due, queued, sent\n")
    assert "call create" not in out
    assert "Escalation: " in out
    code, out, _ = run(
        "runbook", "warum", "kam", "keine", "Erinnerung", "--locale", "de", url=told, COLUMNS="100"
    )
    assert (code, out.partition("\n")[0]) == (0, "Erinnerungen: fällig, eingereiht, gesendet")


def test_run_shows_what_the_looking_steps_find_and_changes_nothing(told: str, connect: Connect) -> None:
    before = connect(told).execute(COUNTS).fetchone()
    code, out, _ = run("runbook", "hold-management", "--run", "--lead", "4712", "--user", "7", url=told)
    assert code == 0
    assert "price list" in out
    assert "call release_lead_hold(4712, 7);" in out
    assert "4711" not in out
    code, out, _ = run("runbook", "hold-management", "--run", url=told)
    assert code == 0
    assert "not run: it lacks --lead" in out
    assert connect(told).execute(COUNTS).fetchone() == before


def test_run_as_json_has_the_rows_in_the_steps_and_nothing_for_what_changes(told: str) -> None:
    code, out, _ = run("runbook", "lead protection", "--run", "--user", "7", "--json", url=told)
    answer = json.loads(out)
    first, *_ = answer["action_steps"]
    assert code == 0
    assert {row["id"] for row in first["result"]["rows"]} >= {4711, 4712}
    assert all("result" not in step for step in answer["action_steps"] if not step["is_read_only"])


def test_what_people_typed_is_shown_as_it_is(told: str) -> None:
    _, out, _ = run("runbook", "sample-loss", "--run", url=told, COLUMNS="300")
    assert "Kantine am Fluss [red]x[/red]" in out
    _, out, _ = run("runbook", "[bold]hold[/bold]", url=told)
    assert out.startswith("Holds: stop the clock")


def tamper(connection: psycopg.Connection[Any], position: int, statement: str, role: str) -> None:
    connection.execute(
        "update runbook_steps set sql = %s, run_as = %s where runbook = 'cost-per-lead' and position = %s",
        [statement, role, position],
    )


def test_a_step_that_takes_too_long_fails_alone(fresh_database: str, connect: Connect) -> None:
    connection = connect(fresh_database)
    tamper(connection, 1, "select pg_sleep(60)", "lead_operations")
    code, out, _ = run("runbook", "cost-per-lead", "--run", "--timeout", "0.2", url=fresh_database)
    assert code == 1
    assert "failed: 57014" in out
    assert out.count("failed:") == 1
    assert "cost_per_lead_budget │ 25" in out.replace("  ", " ").replace("  ", " ")


def test_a_step_runs_with_the_rights_of_its_role_and_cannot_write(
    fresh_database: str, connect: Connect
) -> None:
    connection = connect(fresh_database)
    tamper(connection, 1, "select * from internal.lead_clocks", "lead_operations")
    tamper(connection, 2, "delete from leads", "owner")
    code, out, _ = run("runbook", "cost-per-lead", "--run", url=fresh_database)
    assert code == 1
    assert "failed: 42501" in out
    assert "failed: 25006" in out


def test_the_runbooks_are_listed_by_name(told: str) -> None:
    code, out, _ = run("runbook", "--list", "--json", url=told)
    assert code == 0
    assert [row["runbook"] for row in json.loads(out)["runbooks"]] == [
        "protection-overview",
        "reminder-pipeline",
        "hold-management",
        "state-machine",
        "qualified-activities",
        "outbox-backlog",
        "sample-loss",
        "catering-sla",
        "cost-per-lead",
        "seasonal-peak",
        "database-away",
    ]


def test_no_question_is_wrong_usage(told: str) -> None:
    assert run("runbook", " ", url=told)[0] == 2


def test_the_runbook_for_a_database_that_is_away_needs_no_database() -> None:
    nowhere = "postgresql://nobody@127.0.0.1:1/none?connect_timeout=2"
    code, out, err = run("runbook", "database", "away", "--run", url=nowhere)
    assert code == 3
    assert "Database, exporter or workers away" in out
    assert "cannot be reached" in err or "unreachable" in err or "127.0.0.1" in err


def test_a_runbook_from_its_file_is_the_one_from_the_database(told: str, connect: Connect) -> None:
    connection = connect(told)
    for locale in ("de", "en"):
        for runbook in read_runbooks():
            name = runbook["runbook"]
            row = connection.execute("select help_guided_operation(%s, %s)", [name, locale]).fetchone()
            assert row is not None
            same = {"related": None, "confidence": None}
            assert row[0] | same == from_file(name, locale) | same
