"""The Monday after a large import of neglected leads: no flood, and nobody loses a lead unwarned.

LEADGUARD_LEADS says how many there are (`./run test --nightly`: a million).
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import psycopg

from bench.files import WRITTEN_ON, write_clean
from jobs.database import Database
from jobs.entities import ACTIVITIES, LEADS
from jobs.importer import Options, import_file
from tests.forked import start

Connect = Callable[..., psycopg.Connection[Any]]

LEADS_IMPORTED = int(os.environ.get("LEADGUARD_LEADS", "2000"))


def far_from_now(path: Path) -> None:
    """Moves all to one hour, half a day from now: nothing falls due while a million leads are counted."""
    hour = (datetime.now(ZoneInfo("Europe/Berlin")) + timedelta(hours=12)).hour
    text = path.read_text(encoding="utf-8")
    path.write_text(re.sub(r"\d\d(:\d\d\b)", rf"{hour:02}\1", text), encoding="utf-8")


def test_the_first_runs_after_a_large_import_flood_nobody(
    fresh_database: str, tmp_path: Path, connect: Connect
) -> None:
    database, connection = Database(fresh_database), connect(fresh_database)
    leads, activities = write_clean(tmp_path, LEADS_IMPORTED, activities=1, oldest=400)
    for path in (leads, activities):
        far_from_now(path)
    options = Options(rebase_from=WRITTEN_ON)

    def run(*arguments: str) -> str:
        process = start(arguments, {**os.environ, "DATABASE_URL": fresh_database})
        out, error = process.communicate()
        assert process.returncode == 0, error
        return out

    def number(query: str) -> int:
        row = connection.execute(query.encode()).fetchone()
        assert row is not None
        return int(row[0])

    def passes(command: str) -> list[dict[str, Any]]:
        """Passes until nothing is left, as cron starts them."""
        done: list[dict[str, Any]] = []
        while not done or done[-1]["left"]:
            done.append(json.loads(run(command, "--max", str(most), "--json")))
        return done

    report = import_file(database, LEADS, leads, options)
    assert (report.imported, report.refused) == (LEADS_IMPORTED, 0)
    connection.execute("analyze")
    neglected = number("select count(*) from v_user_lead_protection where state = 'REMINDER_DUE'")
    over = number("select count(*) from v_user_lead_protection where state = 'EXPIRED'")
    # Whoever imports is told before anything happens.
    assert (report.reminders_due, report.expiries_due) == (neglected, over)
    most = neglected // 4

    # Cron is faster than the file of activities: it queues a part, and what it leaves is told.
    out = run("remind", "--max", str(most))
    assert re.match(rf"queued {most} reminders for \d+ users \(most: \d+ for user \d+\); ", out)
    left = number("select reminders from count_due_leads()")
    assert number("select (detail ->> 'left')::integer from job_runs where job = 'remind'") == left
    assert f"; {left} more leads are to be looked at: the next pass goes on" in out
    assert left >= neglected - most

    # The activities come in: what was queued for those leads is withdrawn with its event.
    report = import_file(database, ACTIVITIES, activities, options)
    assert (report.imported, report.refused) == (LEADS_IMPORTED, 0)
    due = number("select count(*) from v_user_lead_protection where state = 'REMINDER_DUE'")
    assert 0 < due < neglected
    assert number("select count(*) from lead_reminders where reminder_type = 'INACTIVITY'") < most

    reminded = passes("remind")
    assert len(reminded) > 1
    assert all(done["count"] <= most for done in reminded)
    assert number("select count(*) from lead_reminders where reminder_type = 'INACTIVITY'") == due
    events = "select count(*) from outbox where event_type = 'lead.protection.reminder'"
    assert number(events) == number("select count(*) from lead_reminders")

    expired = passes("expire")
    assert sum(done["count"] for done in expired) == over
    assert all(done["count"] <= most for done in expired)
    # Nobody has been warned yet, so nobody has lost a lead to inactivity.
    assert number("select count(*) from lead_protection_periods where end_reason = 'INACTIVITY'") == 0
    assert number("select count(*) from lead_protection_periods where end_reason = 'BASE_TERM'") == over

    # Warned: from now on everybody has ten days.
    connection.execute("update settings set value = 'any' where name = 'reminder_proof'")
    run("publish", "--sink", f"file:{tmp_path / 'events.jsonl'}", "--limit", "5000")
    assert number("select count(*) from v_user_lead_protection where state = 'GRACE'") == due
    assert number("select count(*) from lead_reminders where sent_at is null") == 0
    assert [done["count"] for done in passes("expire") + passes("remind")] == [0, 0]
    assert number("select count(*) from verify_lead_protection()") == 0
