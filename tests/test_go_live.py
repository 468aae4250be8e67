"""`leadguard go-live` and `leadguard report`: may we go live, and how has it gone since?"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import psycopg

from tests.shell import run

Connect = Callable[..., psycopg.Connection[Any]]


def test_go_live_is_for_what_passes_throughout(fresh_database: str, connect: Connect) -> None:
    code, out, _ = run("go-live", url=fresh_database)
    assert code == 8
    for shown in ("OPEN", "NO DATA", "rollback_tested", "→ Fill the rota", "not ready to go live: 1 of 12"):
        assert shown in out
    sign_off = ("go-live", "sign-off", "rollback_tested", "--actor", "7", "--reference")
    code, out, _ = run(*sign_off, "OPS-17\n", "--valid-for", "2 days", "--json", url=fresh_database)
    written = json.loads(out)
    assert (code, written["signed_off_by"], written["reference"]) == (0, 7, "OPS-17\n")
    code, out, _ = run(*sign_off, "OPS-18", url=fresh_database)
    assert (code, out.partition(" until ")[0]) == (0, "rollback_tested is signed off by user 7")
    code, out, error = run(*sign_off, "OPS-19", "--valid-for", "2 years", url=fresh_database)
    assert (code, "LP063" in error) == (1, True)
    withdraw = ("go-live", "withdraw", "rollback_tested", "--actor", "7", "--reason", "failed")
    assert [run(*withdraw, url=fresh_database)[0] for _ in range(2)] == [0, 1]
    assert run(*sign_off, "OPS-20", url=fresh_database)[0] == 0
    connection = connect(fresh_database)
    connection.execute("delete from go_live_questions where criterion not in ('rollback_tested', 'runbooks')")
    code, out, _ = run("go-live", "--json", url=fresh_database)
    told = json.loads(out)
    assert (code, told["ready"], told["counts"]["PASS"]) == (0, True, 2)
    assert told["criteria"][0]["reference"] == "OPS-20"


class _Page(HTMLParser):
    """What a page is made of: its tags, texts, and whatever would load or run something."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: Counter[str] = Counter()
        self.texts: list[str] = []
        self.foreign: list[str] = []
        self.fills: Counter[str] = Counter()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags[tag] += 1
        self.foreign += [
            name for name, _ in attrs if name in ("src", "href", "data") or name.startswith("on")
        ]
        if tag == "rect":
            self.fills[dict(attrs)["fill"] or ""] += 1

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


def test_the_report_tells_what_was_measured_and_where_nothing_was(
    fresh_database: str, connect: Connect, tmp_path: Path
) -> None:
    code, _, error = run("report", url=fresh_database)
    assert (code, "--since" in error) == (2, True)
    connection = connect(fresh_database)
    connection.execute(
        """
        update settings
           set value = to_char(timezone('UTC', now() - interval '30 hours'), 'YYYY-MM-DD HH24:MIZ')
         where name = 'go_live_at';
        insert into sample_requests (user_id, product_type, status, requested_at, resolved_at)
        select 7, 'Pasta', s.status, now() - interval '1 day 2 hours', now() - s.ago
          from (values ('DELIVERED', interval '1 hour'), ('LOST', interval '25 hours')) as s (status, ago);
        insert into event_catering_requests (user_id, event_type, requested_at, responded_at)
        values (7, 'Gala', now() - interval '61 minutes', now() - interval '1 minute');
        insert into leads (id, user_id, created_at) values (1, 7, now() - interval '90 days');
        insert into lead_reminders (lead_id, user_id, window_start, due_at, known_at)
        values (1, 7, '2026-01-01', now() - interval '2 hours', now() - interval '2 hours');
        update outbox set created_at = now() - interval '30 minutes';
        select sign_off_go_live_criterion('rollback_tested', 7, 'x');
        select withdraw_go_live_sign_off('rollback_tested', 7, '<script>alert(1)</script> | *');
        """
    )
    code, out, _ = run("report", url=fresh_database)
    assert (code, out.startswith("# Leadguard: the first week\n")) == (0, True)
    for line in (
        "still under way: 1 day and 6 hours so far",
        "2 of 6 targets are met; missed: Reminders sent in time, Samples that arrived, Samples lost;",
        "; 1 cannot be judged, as",
        "| Catering: slowest answer | 1 h | less than 2 h | met | 1 answered, 95 % within 60 min |",
        "| Reminders sent in time | 0 % | at least 100 % | missed | 0 of 1 in time |",
        "| Oldest reminder due and not sent | 2 h | not in order |",
        "| Oldest event not yet published | 30 min ",
        "- The rollback has been tested: withdrawn by user 7: \\<script\\>alert(1)\\</script\\> \\| \\*",
    ):
        assert line in out
    file = tmp_path / "report.html"
    html = ("report", "--format", "html", "--output", str(file))
    code, out, _ = run(*html, "--since", "2020-01-01", "--window", "30d", url=fresh_database)
    assert (code, out.endswith(f"written into {file}\n")) == (0, True)
    empty = _Page(file.read_text("utf-8"))
    assert (empty.tags["svg"], empty.tags["rect"], empty.texts.count("no data")) == (5, 30, 4 + 2 * 6)
    code, out, _ = run(*html, "--json", url=fresh_database)
    told = json.loads(out)
    assert (code, told["window"], len(told["criteria"])) == (0, "7d", 12)
    page = _Page(file.read_text("utf-8"))
    assert (page.tags["script"], page.foreign) == (0, [])
    assert sum("<script>alert(1)</script> | *" in text for text in page.texts) == 1
    # Missed on the first day, met on the second; the reminder on the second; new leads have nought on both.
    assert page.fills == {"#ffffff": 2, "#2f855a": 2, "#7b8794": 2}
    code, _, error = run("report", "--since", "2099-01-01", url=fresh_database)
    assert (code, "lies ahead" in error, "leadguard go-live" in error) == (2, True, True)
    assert run("report", "--output", str(tmp_path / "no" / "x"), url=fresh_database)[0] == 2
