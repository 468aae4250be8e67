"""The tasks around a season, and one screen for its peak."""

from __future__ import annotations

import json
from typing import Any

from tests.shell import run


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
        (["done", "1", "--evidence", "x"], 1, "LP050"),
        (["plan", "Spargel"], 2, "--year"),
        (["set", "1"], 2, "--owner"),
        (["--year", "2027", "plan"], 2, "for the list"),
    ):
        result = run("season", *arguments, url=fresh_database)
        assert result[0] == code, arguments
        assert said in result[2]
