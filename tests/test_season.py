"""The tasks around a season, and one screen for its peak."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

import psycopg

from jobs.war_room import _fitting
from tests.shell import run

Connect = Callable[..., psycopg.Connection[Any]]


def told(url: str, *arguments: str) -> Any:
    code, out, error = run(*arguments, "--json", url=url)
    assert code == 0, error
    return json.loads(out)


# --- season -----------------------------------------------------------------------------------------------


def test_a_task_is_planned_done_with_its_evidence_and_opened_again(fresh_database: str) -> None:
    url = fresh_database
    assert "leadguard season plan" in run("season", url=url)[1]
    assert told(url, "season", "plan", "spargel", "--year", "2099") == {"changed": 12}
    tasks = told(url, "season", "--season", "SPARGEL", "--year", "2099")["milestones"]
    assert [row["due_on"] for row in tasks[:1] + tasks[-1:]] == ["2099-03-02", "2099-07-07"]
    assert told(url, "season")["milestones"] == tasks, "the season that comes next is at hand"
    assert told(url, "season", "--year", "2098") == {"milestones": []}
    first = str(tasks[0]["id"])
    assert told(url, "season", "set", first, "--owner", "Ada", "--status", "in_progress")["owner"] == "Ada"
    code, out, _ = run("season", "done", first, "--evidence", "plan.pdf", "--by", "Grace", url=url)
    assert (code, out) == (0, "T-30 Capacity plan of Spargel 2099, due 2099-03-02, owner Ada: DONE\n")
    out = run("season", url=url, LEADGUARD_LOCALE="de")[1]
    assert "│ 02.03.2099 │ T-30 │ Capacity plan" in out
    assert "│ DONE    │ plan.pdf" in out
    again = told(url, "season", "reopen", first, "--reason", "wrong baseline", "--by", "Eve")
    assert (again["status"], again["done_by"]) == ("IN_PROGRESS", None)
    assert again["evidence"] == "plan.pdf\nDONE by Grace; opened again by Eve: wrong baseline"


def test_what_season_refuses_is_told_by_its_code(fresh_database: str) -> None:
    for arguments, code, said in (
        (["plan", "Ostern", "--year", "2027"], 1, "LP037"),
        (["--season", "Ostern"], 1, "LP037"),
        (["done", "1", "--evidence", "x"], 1, "LP050"),
        (["plan", "Spargel"], 2, "--year"),
        (["set", "1"], 2, "--owner"),
        (["--year", "2027", "plan"], 2, "for the list"),
    ):
        result = run("season", *arguments, url=fresh_database)
        assert result[0] == code, arguments
        assert said in result[2]


# --- war room ---------------------------------------------------------------------------------------------


def test_the_war_room_shows_what_needs_somebody(fresh_database: str, connect: Connect) -> None:
    url = fresh_database
    connection = connect(url)
    connection.execute(
        """
        insert into leads (user_id, created_at) values (7, now() - interval '20 days');
        -- The database that all are cloned from may be older than the jobs may be silent.
        update expected_jobs set expected_since = now() - interval '1 day' * (job = 'remind')::integer
         where expected_since is not null;
        insert into season_milestones (season, starts_on, milestone, task, due_on, owner)
        values ('Spargel', '2026-04-01', 'T-30', 'Load test', '2026-03-02', 'Ada');
        select refresh_figures()
        """
    )
    told_of = told(url, "war-room", "--once")
    figures = {(row["kpi"], row["dimension"]): row for row in told_of["figures"]}
    assert figures["leads_by_state", "PROTECTED"]["value"] == 1
    assert figures["job_last_success", "remind"]["status"] == "BREACH"
    assert figures["milestones_overdue", None]["status"] == "BREACH"
    assert [row["task"] for row in told_of["milestones"]] == ["Load test"]
    assert told_of["season"]["season"]
    assert told_of["inbox"]["dead_letters"] == 0
    code, out, _ = run("war-room", "--once", url=url)
    assert code == 0
    assert re.search(r"│ job last success, remind\s*│\s*– │\s*15 min │ BREACH", out)
    assert re.search(r"│ leads by state, PROTECTED\s*│\s*1 │", out)
    assert "publish" not in out, "those that are in time need nobody"
    assert "T-30" in out
    connection.execute("select expect_job('remind', false)")
    assert re.search(r"│ workers\s*│ all 5 in time │", run("war-room", "--once", url=url)[1])


def test_what_needs_somebody_stays_on_a_small_screen() -> None:
    lines = [
        {"name": str(n), "status": status} for n, status in enumerate(("OK", None, "BREACH", "OK", "WARN"))
    ]
    shown = {room: [line["name"] for line in _fitting(lines, room)] for room in (9, 4, 3, 2, 0)}
    assert shown == {
        9: ["0", "1", "2", "3", "4"],
        4: ["0", "2", "3", "4"],
        3: ["0", "2", "4"],
        2: ["2", "4"],
        0: ["2", "4"],
    }
