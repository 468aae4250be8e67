"""The commands about leads: they tell what the database says, and change what was asked and no more."""

from __future__ import annotations

import csv
import io
import json
import os
import pty
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as Xml

import psycopg
import pytest
from psycopg import sql

from jobs.cluster import Cluster
from jobs.console import printable
from jobs.database import Database, to_url, with_database
from jobs.dates import Dates
from jobs.explain import drawn, explain
from jobs.timeline import timeline
from jobs.timeline_text import draw
from tests.shell import CLEAN, ROOT, run

Connect = Callable[..., psycopg.Connection[Any]]
Leads = psycopg.Connection[Any]

HOSTILE = "=cmd|'/C calc'!A0 <script>&amp; \x1b[31m\u202erot [bold]fett[/bold]"

# A lead of each kind, by id; times are now()'s, so that states do not depend on the day.
STORY = """
insert into leads (id, user_id, company_name, city, created_at) values
    (1, 7, 'Kantine am Fluss', 'Kiel', now()),
    (2, 7, 'Drei Halte', null, now() - interval '120 days'),
    (3, 7, 'Offener Halt', null, now() - interval '70 days'),
    (4, 7, 'In der Gnade', null, now() - interval '66 days'),
    (5, 7, 'Abgelaufen', null, now() - interval '90 days'),
    (6, 7, 'Wird übergeben', null, now() - interval '100 days'),
    (7, 7, 'Wird Kunde', null, now() - interval '80 days'),
    (8, 8, 'Sechzig Anrufe', null, now() - interval '50 days'),
    (9, 8, 'Zwei Jahre', null, now() - interval '730 days'),
    (10, 8, %(hostile)s, null, now() - interval '61 days');
insert into lead_activities (lead_id, user_id, activity_type, occurred_at) values
    (2, 7, 'QUALIFIED_CALL', now() - interval '100 days'),
    (2, 7, 'CUSTOMER_REACTION', now() - interval '10 days'),
    (3, 7, 'QUALIFIED_CALL', now() - interval '30 days'),
    (6, 7, 'QUALIFIED_CALL', now() - interval '80 days'),
    (7, 7, 'QUALIFIED_CALL', now() - interval '40 days');
insert into lead_activities (lead_id, user_id, activity_type, occurred_at)
select 8, 8, case n %% 3 when 0 then 'EMAIL_SENT' else 'QUALIFIED_CALL' end,
       now() - interval '40 days' + n * interval '6 hours'
  from generate_series(1, 60) as n
 union all
select 9, 8, 'QUALIFIED_CALL', now() - interval '700 days' + n * interval '42 days'
  from generate_series(0, 15) as n;
insert into lead_extensions (lead_id, user_id, extension, reason, granted_at)
values (9, 8, '21 months', 'Ausschreibung', now() - interval '600 days');
insert into lead_holds (lead_id, user_id, reason, start_at, end_at) values
    (2, 7, 'Preisliste', now() - interval '95 days', now() - interval '85 days'),
    (2, 7, 'Muster', now() - interval '60 days', now() - interval '50 days'),
    (2, 7, 'Urlaub', now() - interval '20 days', now() - interval '12 days'),
    (3, 7, 'Rezept', now() - interval '12 days', null),
    (6, 7, 'Umbau', now() - interval '40 days', null),
    (9, 8, 'lang', now() - interval '500 days', now() - interval '450 days'),
    (10, 8, %(hostile)s, now() - interval '5 days', now() - interval '3 days');
insert into lead_reminders (lead_id, user_id, window_start, due_at, sent_at) values
    (4, 7, (now() - interval '5 days')::date, now() - interval '5 days', now() - interval '5 days'),
    (5, 7, (now() - interval '29 days')::date, now() - interval '29 days', now() - interval '29 days');
update leads set user_id = 12 where id = 6;
update leads set converted_at = now() - interval '5 days' where id = 7;
"""
STATES = {
    1: "PROTECTED",
    2: "PROTECTED",
    3: "PROTECTED",
    4: "GRACE",
    5: "EXPIRED",
    6: "PROTECTED",
    7: "CONVERTED",
    8: "PROTECTED",
    9: "REMINDER_DUE",
    10: "PROTECTED",
}


def tell(connection: Leads) -> None:
    """Enters the story, as clients do: with literal parameters, in one text."""
    with connection.transaction():
        psycopg.ClientCursor(connection).execute(STORY, {"hostile": HOSTILE})


@pytest.fixture(scope="module")
def story(cluster: Cluster, template: str) -> Iterator[str]:
    """The leads above, for tests that change nothing."""
    url = cluster.create_database("leadguard_story", template)
    with psycopg.connect(url, autocommit=True) as connection:
        tell(connection)
        rows = connection.execute("select id, state from v_user_lead_protection").fetchall()
    assert dict(rows) == STATES
    yield url
    cluster.drop_database("leadguard_story")


@pytest.fixture
def leads(fresh_database: str, connect: Connect) -> Leads:
    """The same, for tests that change something."""
    connection = connect(fresh_database)
    tell(connection)
    return connection


def told(*arguments: str, url: str) -> Any:
    code, out, error = run(*arguments, "--json", url=url)
    assert (code, error) == (0, "")
    return json.loads(out)


def facts(connection: Leads) -> list[Any]:
    tables = [
        "leads",
        "lead_activities",
        "lead_holds",
        "lead_extensions",
        "lead_protection_periods",
        "outbox",
    ]
    return [
        connection.execute(sql.SQL("select * from {} order by id").format(sql.Identifier(table))).fetchall()
        for table in tables
    ]


# --- explain: the timeline --------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def explained(story: str) -> dict[int, dict[str, Any]]:
    """Each lead explained as of now."""
    with Database(story).session() as connection:
        return {lead: explain(connection, lead, None) for lead in STATES}


@pytest.mark.parametrize("width", [40, 60, 80, 140])
@pytest.mark.parametrize("ascii_only", [True, False])
def test_the_timeline_fits_whatever_the_width(
    width: int, ascii_only: bool, explained: dict[int, dict[str, Any]]
) -> None:
    for steps in explained.values():
        line = timeline(steps)
        assert line is not None
        # Sentences below the chart may wrap; the rows of the chart may not.
        rows = [row.plain for row in draw(line, Dates(), width, ascii_only)]
        sentences = rows.index("")
        assert max(map(len, rows[:sentences])) <= width
        if ascii_only:
            assert "".join(rows).isascii()


def test_the_explanation_fits_80_columns_and_is_plain_text_in_a_pipe(story: str) -> None:
    for lead in ("2", "6", "10"):
        code, out, _ = run("explain", lead, url=story, COLUMNS="80")
        assert code == 0
        assert max(len(line) for line in out.splitlines()) <= 80
        assert not re.search("[\x1b\u202e]", out)


def chart(out: str) -> dict[str, list[str]]:
    """The rows of the chart by their label."""
    rows: dict[str, list[str]] = {}
    for line in out.partition("step by step")[0].splitlines():
        if found := re.match(r"(user \d+|activities|reminders|extensions|deadlines) +(.*)", line):
            rows.setdefault(found[1], []).append(line[12:])
    return rows


def test_holds_are_shaded_activities_ticked_reminders_and_deadlines_marked(story: str) -> None:
    out = run("explain", "2", url=story, COLUMNS="100")[1]
    rows = chart(out)
    assert len(re.findall("▒+", rows["user 7"][0])) == 3
    assert rows["activities"][0].count("●") == 2
    assert re.sub("[^A-Z]", "", rows["deadlines"][0]) == "RGB"
    out = run("explain", "4", url=story, COLUMNS="100")[1]
    rows = chart(out)
    # The grace begins where the reminder was sent, and now lies inside it.
    assert rows["user 7"][0].index("!") == rows["reminders"][0].index("▲")
    assert rows["user 7"][0].index("!") < rows["reminders"][0].index("│") <= rows["user 7"][0].rindex("!")
    assert re.search(r"G \S+ \S+  the grace ends: protection ends", out)


def test_a_transfer_shows_two_periods_and_an_end(story: str) -> None:
    rows = chart(run("explain", "6", url=story, COLUMNS="100")[1])
    first, second = rows["user 7"][0], rows["user 12"][0]
    # The old user's ends where the new one's begins: now.
    assert "▒┫" in first
    assert second.index("│") == first.index("┫")
    assert second.rstrip().endswith("┫")


def test_an_activity_that_does_not_count_is_drawn_hollow(leads: Leads) -> None:
    leads.execute(
        "insert into lead_activities (lead_id, user_id, activity_type, occurred_at)"
        " values (4, 9, 'QUALIFIED_CALL', now() - interval '40 days')"
    )
    rows = chart(run("explain", "4", url=leads.info.dsn, COLUMNS="100")[1])
    assert (rows["activities"][0].count("○"), rows["activities"][0].count("●")) == (1, 0)


def test_a_terminal_without_unicode_gets_ascii(story: str) -> None:
    for lead in ("2", "4", "9"):
        code, out, _ = run("explain", lead, url=story, COLUMNS="80", PYTHONIOENCODING="ascii", PYTHONUTF8="0")
        assert code == 0
        assert out.isascii()
    assert "#" in run("explain", "2", url=story, COLUMNS="80", PYTHONIOENCODING="ascii", PYTHONUTF8="0")[1]


def test_dates_are_german_where_the_reader_is(story: str) -> None:
    row = told("show", "4", url=story)["protection"]["protection_expires_at"]
    day = f"{datetime.fromisoformat(row):%Y-%m-%d}"
    german = ".".join(reversed(day.split("-")))
    assert day in run("explain", "4", url=story)[1]
    for arguments, environment in (
        (["--locale", "de"], {}),
        ([], {"LANG": "de_DE.UTF-8"}),
        ([], {"LEADGUARD_LOCALE": "de", "LC_ALL": "C.UTF-8"}),
    ):
        assert german in run("explain", "4", *arguments, url=story, **environment)[1]
    assert german not in run("explain", "4", "--locale", "en", url=story, LANG="de_DE.UTF-8")[1]


def test_the_timeline_answers_for_the_past_and_the_future(story: str) -> None:
    at = told("show", "2", url=story)["holds"][1]["start_at"]
    out = run("explain", "2", "--at", at, url=story, COLUMNS="100")[1]
    assert len(re.findall("▒+", chart(out)["user 7"][0])) == 2
    out = run("explain", "1", "--at", "2099-01-01", url=story, COLUMNS="100")[1]
    assert "EXPIRED since" in out
    assert "X " in out


# --- explain: the picture ---------------------------------------------------------------------------------


SVG = "{http://www.w3.org/2000/svg}"


def picture(*arguments: str, url: str) -> Xml.Element:
    code, out, error = run("explain", *arguments, "--svg", "-", url=url)
    assert (code, error) == (0, "")
    return Xml.fromstring(out)  # noqa: S314  # our own


@pytest.mark.parametrize("lead", STATES)
def test_the_picture_is_well_formed_and_inside_its_frame(
    lead: int, explained: dict[int, dict[str, Any]]
) -> None:
    root = Xml.fromstring(drawn(explained[lead], Dates()))  # noqa: S314  # our own
    width, height = (float(size) for size in root.attrib["viewBox"].split()[2:])
    for element in root.iter():
        box = {name: float(element.attrib.get(name, 0)) for name in ("x", "y", "width", "height")}
        if element.tag == f"{SVG}rect" and element.get("fill") != "#ffffff":
            assert 0 <= box["x"] <= box["x"] + box["width"] <= width
        if element.tag == f"{SVG}text":
            assert 0 <= box["x"] <= width
            assert 0 < box["y"] < height
    texts = " ".join(element.text or "" for element in root.iter(f"{SVG}text"))
    assert f"Lead {lead} " in texts
    assert "now" in texts
    assert {element.tag for element in root.iter()} <= {
        SVG + name
        for name in "svg title desc defs pattern rect line text circle polygon path".split()  # noqa: SIM905
    }


def test_the_picture_shows_each_hold_each_activity_and_each_deadline(story: str) -> None:
    root = picture("2", url=story)
    tips = [element.text or "" for element in root.iter(f"{SVG}title")]
    assert sum("QUALIFIED_CALL" in tip or "CUSTOMER_REACTION" in tip for tip in tips) == 2
    texts = [element.text or "" for element in root.iter(f"{SVG}text")]
    for reason in ("Preisliste", "Muster", "Urlaub"):
        assert sum(text.endswith(f"days): {reason}") for text in texts) == 1
    assert sum("the base term ends" in text for text in texts) >= 1
    # One more explains the hatching in the legend.
    assert [element.get("fill") for element in root.iter(f"{SVG}rect")].count("url(#hold)") == 4
    tips = [element.text or "" for element in picture("8", url=story).iter(f"{SVG}title")]
    assert sum("QUALIFIED_CALL" in tip for tip in tips) == 40


def test_labels_of_months_do_not_overlap_however_long_the_history(story: str) -> None:
    names = set("Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split())  # noqa: SIM905
    for arguments in (["9"], ["9", "--at", "2090-01-01"], ["1"]):
        root = picture(*arguments, url=story)
        at = sorted({float(label.attrib["x"]) for label in root.iter(f"{SVG}text") if label.text in names})
        assert at
        assert all(second - first > 30 for first, second in pairwise(at))


def test_hostile_names_are_text_in_the_picture(story: str, tmp_path: Path) -> None:
    path = tmp_path / "lead.svg"
    code, out, _ = run("explain", "10", "--svg", str(path), url=story)
    assert code == 0
    assert f"drawn into {path}" in out
    root = Xml.parse(path).getroot()  # noqa: S314  # our own
    title = root.find(f"{SVG}title")
    assert title is not None
    assert title.text == "Lead 10 – =cmd|'/C calc'!A0 <script>&amp;  [31m rot [bold]fett[/bold]"
    assert "\x1b" not in path.read_text("utf-8")


def test_what_cannot_be_drawn_or_written_is_said(story: str, tmp_path: Path) -> None:
    code, out, error = run("explain", "1", "--at", "2020-01-01", "--svg", "-", url=story)
    assert (code, out) == (1, "")
    assert "nothing to draw" in error
    code, out, error = run("explain", "1", "--svg", str(tmp_path / "no" / "x.svg"), url=story)
    assert (code, out) == (2, "")
    assert "cannot be written" in error


# --- show and list ----------------------------------------------------------------------------------------


def test_show_tells_the_views_row_and_every_fact(story: str, connect: Connect) -> None:
    shown = told("show", "2", url=story)
    query = "select state, user_id, base_expires_at from v_user_lead_protection where id = 2"
    row = connect(story).execute(query).fetchone()
    assert row is not None
    state, user, base = row
    assert (shown["protection"]["state"], shown["protection"]["user_id"]) == (state, user)
    assert datetime.fromisoformat(shown["protection"]["base_expires_at"]) == base
    kinds = ("periods", "holds", "extensions", "activities", "reminders")
    assert [len(shown[kind]) for kind in kinds] == [1, 3, 0, 2, 0]
    assert len(told("show", "8", url=story)["activities"]) == 60
    code, out, _ = run("show", "8", "--limit", "5", url=story)
    assert code == 0
    assert "Activities (the latest 5 of 60)" in out


@pytest.mark.parametrize(
    ("lead", "words"),
    [
        ("1", r"PROTECTED, user 7's until .*\n.*in Kiel.*\n.*a reminder falls due .*\nThe base term ends "),
        ("3", "On hold since .*, with no end planned"),
        ("4", "the grace ends "),
        ("5", r"EXPIRED since .* \(INACTIVITY\), was user 7's"),
        ("7", "CONVERTED by user 7"),
        ("9", "The reminder has been due since "),
    ],
)
def test_show_puts_the_row_into_words(lead: str, words: str, story: str) -> None:
    code, out, _ = run("show", lead, url=story)
    assert code == 0
    assert re.search(words, out)


def test_show_knows_only_what_had_happened_by_then(story: str) -> None:
    at = told("show", "2", url=story)["holds"][1]["start_at"]
    then = told("show", "2", "--at", at, url=story)
    assert [len(then[name]) for name in ("holds", "activities")] == [2, 1]
    before = told("show", "2", "--at", "2020-01-01", url=story)
    assert (before["protection"], before["periods"]) == (None, [])


@pytest.mark.parametrize("command", ["show", "verify", "explain"])
def test_an_unknown_lead_is_refused_with_its_code(command: str, story: str) -> None:
    code, out, error = run(command, "4711", "--json", url=story)
    assert (code, out) == (1, "")
    assert json.loads(error)["sqlstate"] == "LP001"
    code, _, error = run(command, "4711", url=story)
    assert error.startswith("Error: the database refused: LP001: unknown lead (No lead has id 4711.)\nHint: ")


def test_list_is_sorted_by_what_is_due_next(story: str) -> None:
    listed = told("list", url=story)
    assert listed["count"] == len(listed["leads"]) == 10
    assert not listed["limited"]
    due = [row["next_at"] for row in listed["leads"]]
    dated = [datetime.fromisoformat(at) for at in due if at]
    assert dated == sorted(dated)
    # What is due already comes first; an open hold and what has ended come last.
    assert [row["lead_id"] for row in listed["leads"]][:1] == [9]
    assert {row["lead_id"] for row in listed["leads"] if row["next_at"] is None} == {3, 5, 7}
    assert due[len(dated) :] == [None] * 3


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["--user", "7"], {1, 2, 3, 4, 5, 7}),
        (["--user", "12", "--user", "8"], {6, 8, 9, 10}),
        (["--state", "grace", "--state", "EXPIRED"], {4, 5}),
        (["--due-within", "6 days"], {9, 4, 10}),
        (["--due-within", "6 days", "--user", "7"], {4}),
        (["--due-within", "0 days"], {9}),
        (["--user", "99"], set()),
    ],
)
def test_list_finds_by_user_state_and_what_is_due(
    arguments: list[str], expected: set[int], story: str
) -> None:
    listed = told("list", *arguments, url=story)
    assert {row["lead_id"] for row in listed["leads"]} == expected


def test_a_list_that_is_cut_says_so(story: str) -> None:
    listed = told("list", "--limit", "3", url=story)
    assert (listed["count"], listed["limited"]) == (3, True)
    code, _, error = run("list", "--limit", "3", url=story)
    assert code == 0
    assert "only the first 3" in error
    assert run("list", "--limit", "10", url=story)[2] == ""
    assert run("list", "--user", "99", url=story)[:2] == (0, "No lead fits.\n")


@pytest.mark.parametrize(
    "text",
    [
        "10 Tage x",
        "viel",
        "30",
        "30.",
        "- 30",
        "@ 30",
        "30,",
        "1,5 hours",
        "1,5",
        "999999 years",
        "6M",
        "1 d 6 m",
    ],
)
def test_an_interval_that_cannot_be_read_is_wrong_usage(text: str, story: str) -> None:
    extend = ["extend", "1", "--user", "7", "--reason", "x", f"--by={text}"]
    for command in (["list", f"--due-within={text}"], extend):
        code, out, error = run(*command, url=story)
        assert (code, out) == (2, "")
        assert "is no interval" in error
        assert "30 days" in error


@pytest.mark.parametrize(
    "text",
    [
        "1.5 hours",
        "90 min",
        "01:30",
        "1 day, 2 hours",
        "P1M",
        "PT6M",
        "-1 day",
        "- 1 day",
        "6 mons",
        "1 MONTH",
    ],
)
def test_an_interval_is_written_in_any_way_that_is_clear(text: str, story: str) -> None:
    assert run("list", f"--due-within={text}", url=story)[0] == 0


def test_no_name_becomes_a_formula_in_a_spreadsheet(story: str) -> None:
    code, out, _ = run("list", "--csv", "--user", "8", url=story)
    assert code == 0
    rows = {row["lead_id"]: row for row in csv.DictReader(io.StringIO(out))}
    assert set(rows) == {"8", "9", "10"}
    assert rows["10"]["company_name"].startswith("'=cmd|")
    assert rows["9"]["company_name"] == "Zwei Jahre"
    assert "\x1b" not in out


def test_no_name_steers_the_terminal(story: str) -> None:
    for command in (["list"], ["show", "10"], ["status"], ["explain", "10"]):
        out = run(*command, url=story)[1]
        assert "=cmd" in out
        assert not re.search("[\x1b\u202e]", out)
        assert "[bold]" in "".join(out.split())


@pytest.mark.parametrize("mark", ["\x1b", "\x9b", "\r\n", "\u061c", "\u200f", "\u2028", "\u202e", "\u2067"])
def test_what_steers_a_terminal_or_turns_a_line_around_is_a_blank(mark: str) -> None:
    assert printable(f"Hotel{mark}Krone") == "Hotel Krone"


def test_no_name_pushes_the_others_from_the_screen(leads: Leads) -> None:
    leads.execute(
        "insert into public.leads (id, user_id, company_name) values (901, 77, repeat('Wort ', 40000))"
    )
    leads.execute("insert into public.leads (id, user_id, company_name) values (902, 77, 'Krone')")
    for command in (["list", "--user", "77"], ["status"], ["show", "901"], ["explain", "901"]):
        code, out, _ = run(*command, url=leads.info.dsn)
        assert code == 0
        assert "Wort" in out
        assert len(out) < 10_000


# --- status -----------------------------------------------------------------------------------------------


def test_status_tells_the_last_run_of_each_job(leads: Leads) -> None:
    url = leads.info.dsn
    # The database that all are cloned from may be older than the jobs may be silent.
    leads.execute("update public.expected_jobs set expected_since = now() where expected_since is not null")
    assert "No job has run yet." in run("status", url=url)[1]
    assert run("remind", url=url)[0] == 0
    assert run("remind", "--at", "2099-01-01", url=url)[0] == 1
    assert run("expire", url=url)[0] == 0
    status = told("status", url=url)
    outcomes = {job["job"]: job["outcome"] for job in status["jobs"]}
    assert outcomes == {"expire": "SUCCESS", "remind": "FAILURE"}
    assert all(job["last_success_at"] for job in status["jobs"])
    assert status["outbox"]["pending"] > 0
    assert status["outbox"]["lag_seconds"] >= 0
    row = leads.execute(
        "select min(reminder_due_at) from v_user_lead_protection"
        " where state = 'PROTECTED' and clock_stopped_since is null"
    ).fetchone()
    assert row is not None
    assert datetime.fromisoformat(status["next_reminder_at"]) == row[0]
    out = run("status", url=url)[1]
    assert re.search(r"remind\s*│.*│\s*FAILURE: .*future", out)
    assert "The next protection ends" in out


def test_status_misses_a_job_that_never_ran_and_none_that_is_switched_off(leads: Leads) -> None:
    url = leads.info.dsn
    leads.execute(
        "update expected_jobs set expected_since = now() - interval '1 day'"
        " where expected_since is not null and job <> 'maintain'"
    )
    assert run("expire", url=url)[0] == 0
    leads.execute("select expect_job('breaches', false), expect_job('expire', false)")
    jobs = {job["job"]: job for job in told("status", url=url)["jobs"]}
    assert {name: (job["expected"], job["silent"]) for name, job in jobs.items()} == {
        "expire": (False, False),
        "publish": (True, True),
        "refresh": (True, True),
        "remind": (True, True),
    }
    assert jobs["remind"]["started_at"] is None
    out = run("status", url=url)[1]
    assert re.search(r"remind\s*│\s*│ has never run\s*│ never: too long", out)
    assert re.search(r"expire\s*│.*│ SUCCESS\s*│ \d+ s ago, not expected", out)


def listen() -> None:
    """A shell starts what it puts into the background deaf to Ctrl-C, and so all that this starts."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def test_status_goes_on_watching_until_it_is_interrupted(leads: Leads) -> None:
    with subprocess.Popen(
        [sys.executable, "-m", "jobs.cli", "status", "--watch", "0.1", "--json"],
        env={**CLEAN, "PYTHONPATH": str(ROOT), "DATABASE_URL": leads.info.dsn},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=listen,
    ) as process:
        assert process.stdout
        first = json.loads(process.stdout.readline())
        leads.execute("insert into leads (id, user_id) values (100, 7)")
        deadline = time.monotonic() + 30
        while json.loads(process.stdout.readline())["states"] == first["states"]:
            assert time.monotonic() < deadline
        process.send_signal(signal.SIGINT)
        _, error = process.communicate(timeout=30)
    assert (process.returncode, error) == (0, "")


def test_status_redraws_a_terminal_and_gives_it_back(story: str) -> None:
    here, there = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "jobs.cli", "status", "--watch", "0.1"],
        env={**CLEAN, "PYTHONPATH": str(ROOT), "DATABASE_URL": story, "TERM": "xterm", "COLUMNS": "100"},
        stdout=there,
        stderr=there,
        preexec_fn=listen,
    )
    os.close(there)
    seen = b""
    try:
        # Drawn at least twice, on the terminal's other screen.
        while seen.count(b"Leads by state") < 2:
            seen += os.read(here, 65536)
        process.send_signal(signal.SIGINT)
        while True:
            try:
                more = os.read(here, 65536)
            except OSError:
                break  # the other side is closed
            if not more:
                break
            seen += more
    finally:
        process.wait(timeout=30)
        os.close(here)
    assert process.returncode == 0
    assert b"\x1b[?1049h" in seen
    assert seen.rindex(b"\x1b[?1049l") > seen.rindex(b"\x1b[?1049h")
    assert b"Traceback" not in seen


# --- simulate ---------------------------------------------------------------------------------------------


def test_simulate_shows_what_would_be_and_changes_nothing(leads: Leads) -> None:
    url = leads.info.dsn
    before = facts(leads)
    yesterday = leads.execute("select (now() - interval '1 day')::text").fetchone()
    assert yesterday is not None
    moment = datetime.fromisoformat(yesterday[0]).isoformat()
    report = told("simulate", "4", "--activity", moment, url=url)
    assert (report["now"]["state"], report["simulated"]["state"]) == ("GRACE", "PROTECTED")
    assert {"state", "reminder_due_at", "last_qualified_activity_at"} <= set(report["changed"])
    code, out, _ = run("simulate", "4", "--activity", moment, url=url)
    assert code == 0
    assert re.search(r"state\s*│ → │ GRACE\s*│ PROTECTED", out)
    assert not re.search(r"user\s*│ → ", out)
    assert facts(leads) == before


def test_simulate_takes_holds_and_facts_from_options_json_file_and_stdin(story: str, tmp_path: Path) -> None:
    start = told("show", "8", url=story)["protection"]["protection_started_at"]
    held = told("simulate", "8", "--hold", f"{start}..", url=story)
    assert held["simulated"]["clock_stopped_since"] is not None
    document = json.dumps({"holds": [{"start_at": start}]})
    path = tmp_path / "facts.json"
    path.write_text(document, "utf-8")
    for given in (document, str(path)):
        assert told("simulate", "8", "--facts", given, url=story)["changed"] == held["changed"]
    code, out, _ = run("simulate", "8", "--facts", "-", "--json", url=story, stdin=document)
    assert code == 0
    assert json.loads(out)["changed"] == held["changed"]
    both = told("simulate", "8", "--facts", document, "--activity", start, url=story)
    assert set(both["facts"]) == {"holds", "activities"}


@pytest.mark.parametrize(
    ("arguments", "code", "word"),
    [
        ([], 2, "nothing is supposed"),
        (["--hold", "2026-01-01"], 2, "START.. for an open one"),
        (["--hold", "gestern..heute"], 2, "is not a date"),
        (["--facts", "{"], 2, "no JSON"),
        (["--facts", "/nonexistent.json"], 2, "cannot be read"),
        (["--facts", '{"activities": 1}', "--activity", "2026-01-01"], 2, "no list"),
        (["--facts", '{"nonsense": []}'], 1, "LP016"),
        (["--facts", '{"activities": [{"occurred_at": "2026-01-01", "activity_type": "X"}]}'], 1, "LP008"),
        (["--hold", "2026-02-01..2026-01-01"], 1, "LP005"),
    ],
    ids=str,
)
def test_simulate_refuses_what_makes_no_sense(arguments: list[str], code: int, word: str, story: str) -> None:
    found, out, error = run("simulate", "2", *arguments, url=story)
    assert (found, out) == (code, "")
    assert word in error


# --- the procedures ---------------------------------------------------------------------------------------


def test_hold_and_release_stop_the_clock_and_let_it_run(leads: Leads) -> None:
    url = leads.info.dsn
    report = told("hold", "1", "--user", "7", "--reason", "Preisliste", "--actor", "99", url=url)
    assert report["before"]["clock_stopped_since"] is None
    assert report["after"]["clock_stopped_since"] is not None
    assert report["changed"] == ["clock_stopped_since"]
    row = leads.execute("select reason, created_by, end_at from lead_holds where lead_id = 1").fetchone()
    assert row == ("Preisliste", 99, None)
    code, out, error = run("hold", "1", "--user", "7", "--reason", "noch einmal", url=url)
    assert code == 0
    assert error.startswith("NOTICE: lead 1 is already on hold since ")
    assert out.startswith("Lead 1: nothing changes.")
    code, out, _ = run("release", "1", "--user", "7", "--actor", "98", url=url)
    assert (code, out.splitlines()[0]) == (0, "Lead 1 is released.")
    row = leads.execute("select released_by, end_at is not null from lead_holds where lead_id = 1").fetchone()
    assert row == (98, True)
    assert told("release", "1", "--user", "7", url=url)["notices"] == ["lead 1 is not on hold"]


def test_dates_of_a_hold_are_read_in_the_business_zone(leads: Leads) -> None:
    local = "to_char({} at time zone 'Europe/Berlin', 'DD.MM.YYYY HH24:MI')"
    now = leads.execute(f"select {local.format('now()')}".encode()).fetchone()
    assert now is not None
    arguments = ["--reason", "x", "--from", now[0], "--until", "31.12.2099 12:00"]
    assert told("hold", "8", "--user", "8", *arguments, url=leads.info.dsn)["changed"] != []
    query = f"select {local.format('start_at')}, end_at from lead_holds where lead_id = 8"  # noqa: S608
    start, end = leads.execute(query.encode()).fetchone() or (None, None)
    assert start == now[0]
    assert end == datetime.fromisoformat("2099-12-31T12:00:00+01:00")


def test_extend_and_reinstate_say_what_they_changed(leads: Leads) -> None:
    url = leads.info.dsn
    report = told("extend", "1", "--user", "7", "--by", "30 days", "--reason", "Ausschreibung", url=url)
    assert report["changed"] == ["base_expires_at"]
    row = leads.execute("select extension::text, reason from lead_extensions where lead_id = 1").fetchone()
    assert row == ("30 days", "Ausschreibung")
    report = told("reinstate", "5", "--user", "7", "--reason", "war krank", url=url)
    assert (report["before"]["state"], report["after"]["state"]) == ("EXPIRED", "PROTECTED")
    row = leads.execute(
        "select start_reason, start_note from lead_protection_periods where lead_id = 5 and ended_at is null"
    ).fetchone()
    assert row == ("REINSTATED", "war krank")


COMMANDS = {
    "hold": ["hold", "1", "--user", "7", "--reason", "x"],
    "release": ["release", "3", "--user", "7"],
    "extend": ["extend", "1", "--user", "7", "--by", "1 month", "--reason", "x"],
    "reinstate": ["reinstate", "5", "--user", "7", "--reason", "x"],
}


@pytest.mark.parametrize("command", COMMANDS)
def test_a_dry_run_shows_the_change_and_makes_none(command: str, leads: Leads) -> None:
    url = leads.info.dsn
    before = facts(leads)
    code, out, _ = run(*COMMANDS[command], "--dry-run", url=url)
    assert code == 0
    assert re.match(r"Lead \d would be ", out)
    assert "→" in out
    assert out.endswith("Nothing was changed: dry run.\n")
    assert facts(leads) == before
    assert told(*COMMANDS[command], url=url)["changed"]
    assert facts(leads) != before


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["hold", "1", "--user", "8", "--reason", "x"], "LP002"),
        (["hold", "5", "--user", "7", "--reason", "x"], "LP003"),
        (["hold", "1", "--user", "7", "--reason", " "], "LP004"),
        (["hold", "2", "--user", "7", "--reason", "x", "--from", "2099-01-01"], "LP007"),
        (["hold", "99", "--user", "7", "--reason", "x"], "LP001"),
        (["release", "1", "--user", "8"], "LP002"),
        (["extend", "1", "--user", "7", "--by", "-1 day", "--reason", "x"], "LP010"),
        (["extend", "5", "--user", "7", "--by", "1 day", "--reason", "x"], "LP003"),
        (["reinstate", "1", "--user", "7", "--reason", "x"], "LP011"),
        (["reinstate", "7", "--user", "7", "--reason", "x"], "LP012"),
    ],
    ids=" ".join,
)
def test_a_refused_call_is_exit_1_with_code_and_hint(
    arguments: list[str], code: str, story: str, connect: Connect
) -> None:
    leads = connect(story)
    before = facts(leads)
    found, out, error = run(*arguments, "--json", url=story)
    assert (found, out) == (1, "")
    refusal = json.loads(error)
    assert refusal["sqlstate"] == code
    assert refusal["hint"]
    assert facts(leads) == before


def test_a_member_of_lead_operations_can_do_all_of_this(leads: Leads, cluster: Cluster) -> None:
    # Rights on the database itself are not cloned with it.
    assert run("migrate", url=leads.info.dsn)[0] == 0
    leads.execute("drop role if exists story_operator")
    leads.execute("create role story_operator login in role lead_operations")
    row = leads.execute("select current_database()").fetchone()
    assert row is not None
    options = psycopg.conninfo.conninfo_to_dict(with_database(cluster.url, row[0]))
    url = to_url(psycopg.conninfo.make_conninfo("", **{**options, "user": "story_operator"}))
    try:
        for arguments in (
            ["status"],
            ["list"],
            ["show", "2"],
            ["explain", "2"],
            ["simulate", "2", "--activity", "2026-01-01"],
            *COMMANDS.values(),
            ["verify"],
            ["verify", "2"],
        ):
            code, out, error = run(*arguments, "--json", url=url)
            assert (code, error) == (0, ""), arguments
            assert isinstance(json.loads(out), dict)
        code, out, error = run("check", "--json", url=url)
        # The test's server is fast, not safe: that alone is not ready.
        assert (code, error) == (8, "")
        failed = {row["what"] for row in json.loads(out)["checks"] if row["status"] == "FAIL"}
        assert failed == {"nothing lost in a crash", "whole pages after a crash"}
        assert run("remind", url=url)[0] == 1
    finally:
        leads.execute("drop role story_operator")


# --- verify -----------------------------------------------------------------------------------------------


def test_verify_finds_nothing_where_all_is_right(story: str) -> None:
    assert run("verify", url=story) == (0, "verified 10 leads: all is right\n", "")
    for batch in ("1", "3", "10"):
        assert told("verify", "--batch", batch, url=story) == {
            "leads": 10,
            "differences": [],
            "figures": [],
            "count": 0,
        }


def test_verify_lists_the_differences_and_is_exit_8(leads: Leads) -> None:
    url = leads.info.dsn
    leads.execute(
        "update internal.lead_clocks set base_expires_at = base_expires_at + interval '1 day'"
        " where lead_id in (1, 8)"
    )
    for arguments, expected in ((["--batch", "3"], {1, 8}), (["8"], {8})):
        code, out, error = run("verify", *arguments, "--json", url=url)
        assert (code, error) == (8, "")
        report = json.loads(out)
        assert {row["lead_id"] for row in report["differences"]} == expected
        assert "base_expires_at" in {row["difference"] for row in report["differences"]}
    assert run("verify", "2", url=url)[0] == 0
    code, out, _ = run("verify", url=url)
    assert code == 8
    assert "verified 10 leads: 2 differ" in out
    assert "base_expires_at" in out
