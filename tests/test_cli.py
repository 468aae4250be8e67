"""The command line: one clear line, a hint and a documented exit code, whatever happens."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import click
import psycopg
import pytest
from click.testing import CliRunner
from psycopg import conninfo

from jobs import __version__
from jobs.cli import cli
from jobs.cluster import Cluster
from jobs.errors import describe, from_database
from jobs.exits import MEANINGS, Exit, help_text
from tests.shell import CLEAN, ROOT, run

Connect = Callable[..., psycopg.Connection[Any]]


def commands(command: click.Command = cli, *path: str) -> list[list[str]]:
    """Every command's name in full, groups included."""
    found = [list(path)]
    if isinstance(command, click.Group):
        for name in command.list_commands(click.Context(command)):
            found += commands(member(command, name), *path, name)
    return found


def member(group: click.Command, name: str) -> click.Command:
    assert isinstance(group, click.Group)
    found = group.get_command(click.Context(group), name)
    assert found
    return found


@pytest.fixture
def leads(fresh_database: str, connect: Connect) -> psycopg.Connection[Any]:
    """A database with three leads whose reminder is due, and two whose base term is over."""
    connection = connect(fresh_database)
    connection.execute(
        """
        insert into public.leads (id, user_id, company_name, created_at)
        select n, 7, 'Kantine ' || n, now() - interval '70 days' from generate_series(1, 3) as n
        union all
        select n, 7, 'Kantine ' || n, now() - interval '7 months' from generate_series(4, 5) as n
        """
    )
    return connection


# --- help -------------------------------------------------------------------------------------------------


def test_the_version_is_the_packages() -> None:
    assert run("--version") == (0, f"leadguard, version {__version__}\n", "")


def test_the_help_lists_every_exit_code_once() -> None:
    code, out, _ = run("--help")
    assert code == 0
    assert set(MEANINGS) == set(Exit)
    for line in help_text().splitlines():
        assert line.strip() in out
    assert max(map(len, out.splitlines())) <= 80
    listed = re.findall(r"^ +(\d+)  \S", out.partition("Exit codes:")[2], re.MULTILINE)
    assert [int(number) for number in listed] == [int(code) for code in Exit]


@pytest.mark.parametrize("command", commands(), ids=" ".join)
def test_every_command_explains_itself_with_an_example(command: list[str]) -> None:
    with click.Context(cli, info_name="leadguard") as context:
        found: click.Command = cli
        for name in command:
            found = member(found, name)
            context = click.Context(found, info_name=name, parent=context)
        text = found.get_help(context)
    assert re.search(r"Examples?:\s+leadguard " + " ".join(command), text)
    if not isinstance(found, click.Group):
        assert "Exit codes:" in text
        assert "--json" in text
        assert "--database-url" in text


# --- failures ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "arguments",
    [
        ["--nonsense"],
        ["nonsense"],
        ["explain"],
        ["explain", "abc"],
        ["explain", "1", "--at", "31.02.2026"],
        ["remind", "--limit", "0"],
        ["explain", "9223372036854775808"],
        ["hold", "1", "--user", "9223372036854775808", "--reason", "x"],
        ["outbox", "list", "--lead", "-9223372036854775809"],
        ["outbox", "list", "--type", "\udcff"],
        ["publish", "--sink", "notify:\udcff"],
        ["publish", "--sink", "stdout:events.jsonl"],
        ["explain", "1", "--at", "0001-01-01 00:00+14:00"],
        ["status", "--watch", "nan"],
        ["run", "--grace", "nan"],
        ["simulate", "1", "--facts", '{"activities": ' + "9" * 5000 + "}"],
        ["import", "leads", "\udcff.csv"],
        ["import", "leads", "/nonexistent.csv"],
        ["import", "leads", "x.csv", "--time-zone", "Mars/Olympus"],
        ["status", "--database-url", "postgresql://user:geheim@[half/db"],
    ],
    ids=lambda arguments: ascii(" ".join(arguments))[:60],
)
def test_wrong_usage_is_exit_2(arguments: list[str], fresh_database: str) -> None:
    code, out, error = run(*arguments, url=fresh_database)
    assert (code, out) == (2, "")
    assert "Error: " in error
    assert "geheim" not in error


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("postgresql://me:geheim@localhost/db?foo=geheim", "cannot be read: unknown parameter foo\n"),
        ("postgresql+psycopg:///db?foo=bar", "cannot be read: unknown parameter foo\n"),
        ("postgresql://me:1/2?geheim=3@localhost/db", "cannot be read\n"),
        ("postgresql:///db?geheim", "cannot be read\n"),
    ],
)
def test_a_parameter_that_no_database_url_has_is_named_and_no_password(url: str, says: str) -> None:
    code, out, error = run("status", url=url)
    assert (code, out) == (2, "")
    assert error.startswith(f"Error: the database URL {says}")
    assert "geheim" not in error


@pytest.mark.parametrize("redirection", [">/dev/full", ">&-", "| true"])
@pytest.mark.parametrize("arguments", ["list", "status --json", "outbox list --json", "explain 1 --svg -"])
def test_what_cannot_be_printed_is_exit_6(
    arguments: str, redirection: str, leads: psycopg.Connection[Any]
) -> None:
    leads.execute(
        "insert into public.leads (id, user_id, company_name)"
        " select n, 7, repeat('Kantine ', 20) from generate_series(101, 500) as n"
    )
    limit = " --limit 400" if "list" in arguments else ""
    script = f"{sys.executable} -m jobs.cli {arguments}{limit} {redirection}; exit ${{PIPESTATUS[0]}}"
    done = subprocess.run(
        ["bash", "-c", script],
        env={**CLEAN, "PYTHONPATH": str(ROOT), "DATABASE_URL": leads.info.dsn},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )
    assert done.returncode == 6, done.stderr
    assert done.stderr.count("\n") == (0 if redirection == "| true" else 1)


def test_a_terminal_that_knows_few_letters_gets_the_others_spelt_out(leads: psycopg.Connection[Any]) -> None:
    leads.execute("update public.leads set company_name = 'Küche → \U0001f600' where id = 1")
    latin = {"PYTHONIOENCODING": "latin-1", "PYTHONUTF8": "0"}
    command = [sys.executable, "-m", "jobs.cli"]
    environment = {**CLEAN, **latin, "PYTHONPATH": str(ROOT), "DATABASE_URL": leads.info.dsn}
    asked = subprocess.run([*command, "show", "1"], env=environment, capture_output=True, check=True)
    assert "Küche \\u2192 \\U0001f600" in asked.stdout.decode("latin-1")
    asked = subprocess.run(
        [*command, "show", "1", "--json"], env=environment, capture_output=True, check=True
    )
    assert json.loads(asked.stdout.decode("latin-1"))["lead"]["company_name"] == "Küche → \U0001f600"


def test_an_unreachable_database_is_exit_3_and_shows_no_password(tmp_path: Path) -> None:
    for command in (["migrate"], ["publish"]):
        code, out, error = run(*command, url=f"postgresql://me:geheim@/db?host={tmp_path}")
        assert (code, out) == (3, "")
        assert error.startswith("Error: the database could not be reached")
        assert "Hint: " in error
        assert "geheim" not in error
        assert len(error.splitlines()) == 2


def test_a_server_that_ends_the_connection_is_exit_3(
    fresh_database: str, connect: Connect, cluster: Cluster
) -> None:
    connection = connect(fresh_database)
    connection.execute(
        "create or replace function public.start_job_run(p_job text) returns bigint language sql"
        " as 'select pg_terminate_backend(pg_backend_pid())::int::bigint'"
    )
    code, _, error = run("remind", url=fresh_database)
    assert code == 3, error


def test_a_database_that_was_not_migrated_is_exit_7(empty_database: str) -> None:
    for command in (["status"], ["remind"], ["explain", "1"]):
        code, out, error = run(*command, url=empty_database)
        assert (code, out) == (7, "")
        assert "leadguard migrate" in error


def test_every_variable_that_is_read_is_told_in_a_help_or_a_page() -> None:
    read = {
        name
        for folder in ("jobs", "exporter")
        for path in (ROOT / folder).rglob("*.py")
        for name in re.findall(r'"(LEADGUARD_[A-Z_]+)"', path.read_text("utf-8"))
    }
    pages = [ROOT / "README.md", *(ROOT / "docs").rglob("*.md"), ROOT / "run"]
    told = "".join(path.read_text("utf-8") for path in pages)
    told += "".join(CliRunner().invoke(cli, [*command, "--help"]).output for command in commands())
    assert len(read) > 10
    assert {name for name in read if name not in told} == set()


@pytest.mark.parametrize(
    "taken",
    [
        "create table leads (id bigint primary key, user_id bigint)",
        "create table settings (id int)",
        "create view leads as select 1 as id",
        "create table leads as select now()::text as id",
    ],
)
def test_migrate_names_what_is_not_its_own_and_changes_nothing(
    taken: str, empty_database: str, connect: Connect
) -> None:
    connection = connect(empty_database)
    connection.execute(taken.encode())
    code, _, error = run("migrate", url=empty_database)
    assert code == 1
    assert "0001.baseline could not be applied: 42" in error
    assert "a database of its own" in error
    tables = connection.execute("select count(*) from pg_class where relnamespace = 'public'::regnamespace")
    assert tables.fetchone() in {(1,), (2,)}  # with its primary key


def test_migrate_takes_no_database_whose_encoding_lacks_letters(cluster: Cluster, connect: Connect) -> None:
    server = connect(cluster.database_url("postgres"))
    server.execute("create database latin template template0 encoding 'LATIN1' locale 'C'")
    try:
        for arguments in (["migrate"], ["migrate", "--dry-run"]):
            code, out, error = run(*arguments, url=cluster.database_url("latin"))
            assert (code, out) == (1, "")
            assert "LATIN1" in error
            assert "encoding 'UTF8'" in error
    finally:
        server.execute("drop database latin with (force)")


def test_whoever_lacks_a_right_is_told_which_role_has_it(
    cluster: Cluster, fresh_database: str, connect: Connect
) -> None:
    connection = connect(fresh_database)
    connection.execute("create role visitor login")
    try:
        url = conninfo.make_conninfo(fresh_database, user="visitor")
        for arguments in (["remind"], ["list"], ["hold", "1", "--user", "7", "--reason", "x"]):
            code, _, error = run(*arguments, url=url)
            assert code == 1
            assert "42501" in error
            assert "lead_operations" in error
            assert "lead_worker" in error
    finally:
        connection.execute("drop role visitor")


def test_a_refusal_of_the_database_is_exit_1_with_its_code_and_hint(database_url: str) -> None:
    code, out, error = run("explain", "999999", url=database_url)
    assert (code, out) == (1, "")
    first, second = error.splitlines()
    assert first.startswith("Error: the database refused: LP001: unknown lead")
    assert "999999" in first
    assert second.startswith("Hint: ")


def test_a_refusal_as_json_is_one_object(database_url: str) -> None:
    for arguments in (["--json", "explain", "999999"], ["explain", "--json", "999999"]):
        code, out, error = run(*arguments, url=database_url)
        assert (code, out) == (1, "")
        told = json.loads(error)
        assert (told["sqlstate"], told["exit_code"]) == ("LP001", 1)
        assert told["hint"]


@pytest.mark.parametrize("arguments", ["--json explain abc", "list --bogus --json", "nonsense --json"])
def test_wrong_usage_as_json_is_one_object(arguments: str, database_url: str) -> None:
    code, out, error = run(*arguments.split(), url=database_url)
    assert (code, out) == (2, "")
    assert json.loads(error)["exit_code"] == 2


def test_a_moment_in_the_future_is_refused_by_the_workers(leads: psycopg.Connection[Any]) -> None:
    url = leads.info.dsn
    for command in ("remind", "expire"):
        code, _, error = run(command, "--at", "2099-01-01", url=url)
        assert code == 1
        assert "LP007" in error


def test_a_note_of_where_it_happened_stays_with_the_error(fresh_database: str, connect: Connect) -> None:
    with pytest.raises(psycopg.Error) as caught:
        connect(fresh_database).execute("select 1 / 0")
    caught.value.add_note("in functions/x.sql")
    assert describe(caught.value) == "22012: division by zero, in functions/x.sql"
    assert from_database(caught.value).code is Exit.REFUSED


# --- where the database is --------------------------------------------------------------------------------


def test_the_database_is_found_by_option_variable_or_pg_variables(
    cluster: Cluster, fresh_database: str, empty_database: str
) -> None:
    name = urlsplit(fresh_database).path[1:]
    assert run("status", url=fresh_database)[0] == 0
    # The option goes before the variable, wherever it stands.
    assert run("--database-url", fresh_database, "status", url=empty_database)[0] == 0
    assert run("status", "--database-url", fresh_database, url=empty_database)[0] == 0
    assert run("status", **cluster.environment, PGDATABASE=name)[0] == 0


@pytest.mark.parametrize(
    "settings",
    [
        {"datestyle": "German, DMY"},
        {"datestyle": "SQL, MDY", "intervalstyle": "iso_8601", "standard_conforming_strings": "off"},
    ],
)
def test_how_a_database_writes_moments_and_strings_is_no_matter(
    settings: dict[str, str], leads: psycopg.Connection[Any]
) -> None:
    url = leads.info.dsn
    for name, value in settings.items():
        leads.execute(f"alter database {leads.info.dbname} set {name} = '{value}'".encode())
    leads.execute("set datestyle = 'ISO'")
    code, out, error = run("remind", "--json", url=url)
    assert (code, error) == (0, "")
    due = [datetime.fromisoformat(row["due_at"]) for row in json.loads(out)["reminders"]]
    assert [(at,) for at in due] == leads.execute(
        "select due_at from public.lead_reminders order by id"
    ).fetchall()
    reading = (
        ["status"],
        ["list"],
        ["show", "1"],
        ["explain", "1"],
        ["runbook", "hold", "--run"],
    )
    writing = (["refresh"], ["migrate"], ["hold", "1", "--user", "7", "--reason", "price list"])
    for command in (*reading, *writing):
        assert run(*command, url=url)[0] == 0, command
    # These exit by what they find; what they find is a verdict.
    assert "protection rules" in run("check", url=url)[1]
    assert run("go-live", url=url)[2] == ""


# --- workers ----------------------------------------------------------------------------------------------


def count(connection: psycopg.Connection[Any], query: str) -> int:
    row = connection.execute(query.encode()).fetchone()
    assert row is not None
    return int(row[0])


@pytest.mark.parametrize("limit", ["1", "2", "3", "500"])
def test_remind_goes_on_until_nothing_is_due(limit: str, leads: psycopg.Connection[Any]) -> None:
    url = leads.info.dsn
    code, out, error = run("remind", "--limit", limit, "--json", url=url)
    assert (code, error) == (0, "")
    report = json.loads(out)
    assert sorted(row["lead_id"] for row in report["reminders"]) == [1, 2, 3]
    assert report["count"] == count(leads, "select count(*) from public.lead_reminders") == 3
    assert run("remind", url=url) == (0, "queued 0 reminders\n", "")
    assert count(leads, "select count(*) from public.lead_reminders") == 3


@pytest.mark.parametrize("limit", ["1", "2", "500"])
def test_expire_goes_on_until_nothing_is_due(limit: str, leads: psycopg.Connection[Any]) -> None:
    url = leads.info.dsn
    assert run("expire", "--limit", limit, url=url) == (0, "recorded 2 expiries\n", "")
    rows = leads.execute(
        "select lead_id, end_reason from public.lead_protection_periods where ended_at is not null order by 1"
    ).fetchall()
    assert rows == [(4, "BASE_TERM"), (5, "BASE_TERM")]
    assert run("expire", url=url) == (0, "recorded 0 expiries\n", "")


@pytest.mark.parametrize("command", ["remind", "expire"])
def test_a_dry_run_tells_and_changes_nothing(command: str, leads: psycopg.Connection[Any]) -> None:
    url = leads.info.dsn
    tables = ["lead_reminders", "lead_protection_periods", "outbox", "job_runs"]

    def state() -> list[list[tuple[Any, ...]]]:
        queries = [f"select * from public.{table} order by 1" for table in tables]  # noqa: S608  # constants
        return [leads.execute(query.encode()).fetchall() for query in queries]

    before = state()
    code, out, _ = run(command, "--dry-run", "--limit", "1", url=url)
    assert code == 0
    assert re.match(r"would (queue 3 reminders|record 2 expiries)\n", out)
    assert state() == before


def test_each_pass_of_a_job_is_recorded(leads: psycopg.Connection[Any]) -> None:
    url = leads.info.dsn
    assert run("remind", url=url)[0] == run("expire", url=url)[0] == 0
    assert run("remind", "--at", "2099-01-01", url=url)[0] == 1
    rows = leads.execute(
        "select job, outcome, detail, finished_at >= started_at from public.job_runs order by id"
    ).fetchall()
    assert [(job, outcome, finished) for job, outcome, _, finished in rows] == [
        ("remind", "SUCCESS", True),
        ("expire", "SUCCESS", True),
        ("remind", "FAILURE", True),
    ]
    assert rows[0][2] == {"handled": 3}
    assert "LP007: moment lies in the future" in rows[2][2]["error"]
    assert "PL/pgSQL" not in rows[2][2]["error"]


# --- answers ----------------------------------------------------------------------------------------------


def test_status_counts_every_state(leads: psycopg.Connection[Any]) -> None:
    leads.execute("call public.create_lead_hold(1, 7, 'Umbau')")
    url = leads.info.dsn
    code, out, _ = run("status", "--json", url=url)
    assert code == 0
    status = json.loads(out)
    assert {row["state"]: (row["leads"], row["on_hold"]) for row in status["states"]} == {
        "PROTECTED": (0, 0),
        "REMINDER_DUE": (3, 1),
        "GRACE": (0, 0),
        "EXPIRED": (2, 0),
        "CONVERTED": (0, 0),
    }
    assert status["outbox"]["pending"] == 6
    # Lead 1 is on hold: nothing happens there by itself.
    assert [(row["lead_id"], row["what"]) for row in status["due_next"]] == [
        (2, "base term ends"),
        (3, "base term ends"),
    ]
    code, out, _ = run("status", url=url)
    assert code == 0
    assert re.search(r"REMINDER_DUE\s*│\s*3\s*│\s*1", out)
    assert "Outbox: 6 events pending" in out


def test_explain_ends_with_what_the_view_says(leads: psycopg.Connection[Any]) -> None:
    leads.execute("call public.create_lead_hold(2, 7, '[bold]Umbau[/bold] <b>')")
    url = leads.info.dsn
    code, out, _ = run("explain", "2", "--json", url=url)
    assert code == 0
    told = json.loads(out)
    row = leads.execute(
        "select state, user_id, reminder_due_at, clock_stopped_since"
        "  from public.v_user_lead_protection where id = 2"
    ).fetchone()
    assert row is not None
    assert (told["protection"]["state"], told["protection"]["user_id"]) == row[:2]
    assert datetime.fromisoformat(told["protection"]["clock_stopped_since"]) == row[3]
    assert [step["step"] for step in told["steps"]] == list(range(1, len(told["steps"]) + 1))
    assert told["steps"][-1]["protection_expires_at"] == told["protection"]["protection_expires_at"]
    code, out, _ = run("explain", "2", url=url)
    assert code == 0
    # What people typed is shown as typed, never taken for markup.
    assert "[bold]Umbau[/bold]" in " ".join(out.split())
    assert re.search(r"Lead 2 \(Kantine 2\): REMINDER_DUE, user 7's until .*; on hold since ", out)


def test_explain_answers_for_the_past(leads: psycopg.Connection[Any]) -> None:
    url = leads.info.dsn
    row = leads.execute("select to_char(now() - interval '69 days', 'YYYY-MM-DD HH24:MI')").fetchone()
    assert row is not None
    _, out, _ = run("explain", "2", "--at", row[0], "--json", url=url)
    assert json.loads(out)["protection"]["state"] == "PROTECTED"
    code, out, _ = run("explain", "2", "--at", "2020-01-01", url=url)
    assert code == 0
    assert "was not protected at that moment" in out
    _, out, _ = run("explain", "4", url=url)
    assert re.search(r"Lead 4 \(Kantine 4\): EXPIRED since .* \(BASE_TERM\), was user 7's", out)


# --- import -----------------------------------------------------------------------------------------------


def test_an_import_with_refused_rows_is_exit_5(fresh_database: str, tmp_path: Path) -> None:
    path = tmp_path / "leads.csv"
    path.write_text("external_id,company_name\n1,A\n2,\n3,C\n", "utf-8")
    arguments = ["import", "leads", str(path), "--user", "7"]
    code, out, _ = run(*arguments, url=fresh_database)
    assert code == 5
    assert out.startswith(f"imported 2 of 3 leads, refused 1 (see {path}.refused.csv)")
    code, out, _ = run(*arguments, "--json", url=fresh_database)
    assert code == 5
    report = json.loads(out)
    assert (report["imported"], report["known"], report["refused"]) == (0, 2, 1)
    assert report["reasons"] == [[3, "company_name is missing"]]
    path.write_text("external_id,company_name\n1,A\n", "utf-8")
    assert run(*arguments, url=fresh_database)[0] == 0
