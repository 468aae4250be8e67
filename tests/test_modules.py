"""Samples, catering and cost from outside: the commands, the import of their files, the examples."""

from __future__ import annotations

import json
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import psycopg
import pytest

from jobs.database import Database
from jobs.demo import WRITTEN_ON, import_examples
from jobs.entities import CATERING, COSTS, SAMPLES
from jobs.importer import ImportReport, Options, import_file
from tests.shell import run

Connect = Callable[..., psycopg.Connection[Any]]


@pytest.fixture
def database(fresh_database: str, connect: Connect) -> psycopg.Connection[Any]:
    """Two teams, a lead each, requests overdue and in time, and one team over its budget."""
    connection = connect(fresh_database)
    connection.execute(
        """
        insert into sales_users (user_id, display_name, team) values (7, 'Ada', 'Nord'), (8, 'Kai', 'Süd');
        insert into leads (id, user_id, external_id) values (1, 7, 'F-1'), (2, 8, 'F-2');
        insert into event_catering_requests (id, lead_id, user_id, event_type, requested_at)
        select 100 + n, 1 + n % 2, 7, 'Gala', now() - n * interval '59 minutes'
          from generate_series(1, 10) as n;
        insert into cost_entries (cost_type, amount_eur, user_id) values ('AI', 40, 7);
        """
    )
    return connection


# --- breaches ---------------------------------------------------------------------------------------------


def test_breaches_are_recorded_once_and_the_pass_as_well(database: psycopg.Connection[Any]) -> None:
    url = database.info.dsn
    code, out, _ = run("breaches", "--dry-run", "--json", url=url)
    tried = json.loads(out)
    assert (code, tried["dry_run"]) == (0, True)
    assert [row["id"] for row in tried["catering"]] == [110, 109, 108, 107, 106, 105, 104, 103]
    assert database.execute("select count(*) from job_runs").fetchone() == (0,)
    code, out, _ = run("breaches", "--limit", "3", url=url)
    assert (code, out) == (
        0,
        "recorded 8 catering requests unanswered in time, 4 windows over budget\n"
        + "".join(
            f"  team Nord, {window}: 40.00 EUR per new lead, budget 25.00 EUR\n"
            for window in ("1h", "24h", "7d", "30d")
        ),
    )
    code, out, _ = run("breaches", "--json", url=url)
    assert (code, json.loads(out)) == (0, {"catering": [], "budget": [], "dry_run": False})
    runs = database.execute("select job, outcome, detail from job_runs order by id").fetchall()
    assert runs == [
        ("breaches", "SUCCESS", {"catering": 8, "budget": 4}),
        ("breaches", "SUCCESS", {"catering": 0, "budget": 0}),
    ]
    told = database.execute(
        "select event_type, count(*) from outbox where event_type ~ 'breached|exceeded' group by 1 order by 1"
    ).fetchall()
    assert told == [("cost.per_lead.budget_exceeded", 4), ("event.catering.sla_breached", 8)]


def test_a_pass_ends_at_its_maximum_and_judges_the_moment_asked(database: psycopg.Connection[Any]) -> None:
    url = database.info.dsn
    code, out, _ = run("breaches", "--max", "2", "--json", url=url)
    assert (code, [row["id"] for row in json.loads(out)["catering"]]) == (0, [110, 109])
    long_ago = database.execute("select (now() - interval '6 hours')::text").fetchone()
    assert long_ago is not None
    code, out, _ = run("breaches", "--at", long_ago[0].replace(" ", "T"), "--json", url=url)
    assert (code, [row["id"] for row in json.loads(out)["catering"]]) == (0, [])
    code, _, error = run("breaches", "--at", "2099-01-01", url=url)
    assert code == 1
    assert "LP007" in error


# --- capacity ---------------------------------------------------------------------------------------------


def test_capacity_answers_as_the_plan_does(database_url: str) -> None:
    asked = ("capacity", "--baseline", "50", "--multiplier", "5", "--instance-rps", "20")
    code, out, _ = run(*asked, "--utilisation", "0.6", "--json", url=database_url)
    rows = {row["component"]: row for row in json.loads(out)["capacity"]}
    assert (code, rows["application"]["recommended"], rows["load"]["arrival_rate"]) == (0, 21, 250)
    code, out, _ = run(*asked, "--season", "Weihnachten", "--utilisation", "0.6", url=database_url)
    assert code == 0
    for shown in ("λ·m = 50 · 5 (Weihnachten)", "L = λ·m·W = 250 · 0.05 = 12.5", "│ 21 instances"):
        assert shown in out


@pytest.mark.parametrize("width", ["80", "60", "40"])
def test_no_terminal_is_so_narrow_that_a_figure_loses_its_end(
    width: str, fresh_database: str, connect: Connect
) -> None:
    connection = connect(fresh_database)
    connection.execute("insert into leads (user_id) values (7)")
    connection.execute("select plan_season('Spargel', 2027)")
    asked = ("capacity", "--baseline", "50", "--service-time", "0.12", "--season", "Weihnachten")
    code, out, _ = run(*asked, url=fresh_database, COLUMNS=width)
    assert code == 0
    assert "…" not in out
    if width == "80":
        assert "12224.4" in out
        assert "application" in out
    for narrow in (("season", "--season", "Spargel"), ("drill", "list"), ("outbox", "list"), ("go-live",)):
        out = run(*narrow, url=fresh_database, COLUMNS=width)[1]
        assert "│" in out, "a table"
        assert "…" not in out


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["--service-time", "0.1", "--season", "Ostern"], 1, "LP037"),
        (["--service-time", "0.1", "--utilisation", "1.5"], 1, "LP036"),
        (["--service-time", "0"], 2, "--service-time"),
        (["--service-time", "nan"], 2, "--service-time"),
        ([], 2, "--instance-rps"),
        (["--slots", "3", "--instance-rps", "20"], 2, "not both"),
    ],
)
def test_capacity_refuses_what_is_no_figure(
    arguments: list[str], code: int, said: str, database_url: str
) -> None:
    result = run("capacity", "--baseline", "50", *arguments, url=database_url)
    assert result[0] == code
    assert said in result[2]


# --- import -----------------------------------------------------------------------------------------------


def imported(url: str, entity: Any, path: Path, text: str, **options: Any) -> ImportReport:
    path.write_text(text, "utf-8")
    return import_file(Database(url), entity, path, Options(**options))


def test_samples_come_in_with_their_lead_or_their_user(
    database: psycopg.Connection[Any], tmp_path: Path
) -> None:
    url = database.info.dsn
    text = (
        "external_id,lead_external_id,user_id,product_type,status,requested_at,resolved_at\n"
        "S1,F-1,,Pasta,delivered,2026-01-02 10:00,2026-01-03 10:00\n"
        "S2,,Kai,Brot,,2026-01-02 10:00,\n"
        "S3,,,Brot,,2026-01-02 10:00,\n"
        "S4,F-9,,Brot,,2026-01-02 10:00,\n"
        "S5,F-1,,Brot,LOST,2026-01-02 10:00,2026-01-01 10:00\n"
    )
    report = imported(url, SAMPLES, tmp_path / "s.csv", text)
    assert (report.imported, report.refused) == (2, 3)
    assert [reason.partition(":")[0] for _, reason in report.reasons] == [
        "neither lead nor user is named",
        "unknown lead F-9",
        "LP033",
    ]
    rows = database.execute(
        "select external_id, lead_id, user_id, urgency, status from sample_requests order by external_id"
    ).fetchall()
    assert rows == [("S1", 1, 7, "NORMAL", "DELIVERED"), ("S2", None, 8, "NORMAL", "REQUESTED")]
    again = imported(url, SAMPLES, tmp_path / "s.csv", text)
    assert (again.imported, again.known, again.differ) == (0, 2, 0)
    moved = imported(
        url,
        SAMPLES,
        tmp_path / "m.csv",
        "external_id,product_type,status\nS2,Brot,PACKED\n",
        update=("status",),
    )
    assert (moved.updated, moved.refused) == (1, 0)
    back = imported(
        url,
        SAMPLES,
        tmp_path / "m.csv",
        "external_id,product_type,status\nS1,Pasta,PACKED\n",
        update=("status",),
    )
    assert (back.updated, back.refused) == (0, 1)
    assert back.reasons[0][1].startswith("LP032")
    given = imported(url, SAMPLES, tmp_path / "u.csv", "external_id,product_type\nS6,Salz\n", user=8)
    assert (given.imported, given.refused) == (1, 0)


def test_a_late_answer_that_is_imported_is_a_breach(
    database: psycopg.Connection[Any], tmp_path: Path
) -> None:
    text = (
        "external_id,lead_external_id,event_type,requested_at,responded_at\n"
        "C1,F-1,Gala,2026-01-02 10:00,2026-01-02 12:00\n"
        "C2,F-1,Gala,2026-01-02 10:00,2026-01-02 11:59\n"
    )
    report = imported(database.info.dsn, CATERING, tmp_path / "c.csv", text)
    assert (report.imported, report.refused) == (2, 0)
    rows = database.execute(
        "select external_id, breached_at is not null from event_catering_requests"
        " where external_id is not null order by 1"
    ).fetchall()
    assert rows == [("C1", True), ("C2", False)]


AMOUNTS = {
    "12.50": "12.5",
    "12,50 €": "12.5",
    "1.234,56": "1234.56",
    "1,234.56": "1234.56",
    "1.234.567": "1234567",
    "1 234,5 EUR": "1234.5",
    "0,0042": "0.0042",
    "-2,50": None,
    "zwölf": None,
    "1.2.3": None,
    "NaN": None,
    "1e9": None,
    "١٢": None,
}


def test_amounts_are_read_as_people_write_them(database: psycopg.Connection[Any], tmp_path: Path) -> None:
    lines = [f"{written}\tai\t{written}\n" for written in AMOUNTS]
    text = "".join(["external_id\tcost_type\tamount_eur\n", *lines])
    report = imported(database.info.dsn, COSTS, tmp_path / "k.csv", text)
    rows = database.execute("select external_id, amount_eur from cost_entries where external_id is not null")
    expected = {written: Decimal(amount) for written, amount in AMOUNTS.items() if amount is not None}
    assert dict(rows.fetchall()) == expected
    assert report.refused == len(AMOUNTS) - len(expected)


def test_the_examples_give_figures_worth_looking_at(fresh_database: str, connect: Connect) -> None:
    for report in import_examples(Database(fresh_database), WRITTEN_ON):
        if report.entity in ("samples", "catering", "costs"):
            if report.file.endswith("-next.csv"):  # the second day brings some of the first again
                assert report.known + report.updated > 0
                continue
            assert report.imported == report.rows - report.refused
            assert report.imported >= 80
            assert report.refused >= 6
    connection = connect(fresh_database)
    statuses = {row[0] for row in connection.execute("select distinct status from sample_requests")}
    assert {"DELIVERED", "LOST", "FAILED", "REQUESTED", "IN_TRANSIT"} <= statuses
    late = connection.execute("select count(*) from event_catering_requests where breached_at is not null")
    assert late.fetchone() == (4,)
    waiting = connection.execute("select count(*) from record_catering_breaches()").fetchone()
    assert waiting == (1,)
    over = connection.execute("select team, time_window from record_budget_breaches()").fetchall()
    assert ("Messeteam", "30d") in over
    assert (None, "30d") not in over
