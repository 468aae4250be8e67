"""What an import costs: leads and activities from CSV files, against bare COPY of the same rows.

.venv/bin/python -m bench.imports [--leads N]
"""

from __future__ import annotations

import statistics
import tempfile
import time
from pathlib import Path
from typing import LiteralString

from bench.bare import copy_tables
from bench.files import WRITTEN_ON, write_clean
from bench.measure import Result, Seconds, speed
from jobs.database import Connection, Database
from jobs.entities import ACTIVITIES, LEADS, Entity
from jobs.importer import Options, import_file

ACTIVITIES_EACH = 5
# What is promised: 100,000 leads with 500,000 activities in three minutes.
PROMISED_LEADS = 100_000
PROMISED_SECONDS = 180.0

# The rows as they were imported, for a table without triggers: the ids are there already.
_COPY: dict[str, LiteralString] = {
    "leads": """(
        id, user_id, company_name, city, contact_name, contact_email, contact_phone, created_at, converted_at,
        external_id)""",
    "activities": "(id, lead_id, user_id, activity_type, occurred_at, summary, created_at, external_id)",
}


def measure_imports(url: str, leads: int, rounds: int) -> list[Result]:
    """Imports `leads` leads and five times as many activities a round into an empty, migrated database.

    The bare table has the same columns, keys and indexes, and gets its rows by one COPY, already parsed.
    """
    database = Database(url)
    times: dict[str, list[tuple[Seconds, Seconds]]] = {"leads": [], "activities": []}
    with (
        tempfile.TemporaryDirectory(prefix="leadguard-bench-") as name,
        database.session("leadguard bench") as connection,
    ):
        copy_tables(connection)
        for number in range(rounds):
            files = write_clean(Path(name), leads, ACTIVITIES_EACH, first=number * leads)
            for entity, path in zip((LEADS, ACTIVITIES), files, strict=True):
                times[entity.name].append(_measure(database, connection, entity, path))
    return [
        result
        for name, rows in (("leads", leads), ("activities", leads * ACTIVITIES_EACH))
        for result in (
            speed(f"import of {rows:,} {name} against bare COPY", times[name], None, rows),
            _per_second(f"{name} imported", times[name], rows),
        )
    ] + [_promise(times, leads)]


def _measure(
    database: Database, connection: Connection, entity: Entity, path: Path
) -> tuple[Seconds, Seconds]:
    row = connection.execute(f"select coalesce(max(id), 0) as id from public.{entity.table}").fetchone()  # noqa: S608
    assert row is not None
    started = time.perf_counter()
    report = import_file(database, entity, path, Options(rebase_from=WRITTEN_ON))
    ours = time.perf_counter() - started
    assert report.imported == report.rows, f"{entity.name}: {report}"
    columns = _COPY[entity.name].strip()
    query = f"copy (select {columns[1:-1]} from public.{entity.table} where id > {row['id']}) to stdout"  # noqa: S608
    with connection.cursor() as cursor, cursor.copy(query.encode()) as out:
        rows = b"".join(out)
    started = time.perf_counter()
    target = f"copy bare.{entity.table} {columns} from stdin"
    with connection.cursor() as cursor, cursor.copy(target.encode()) as into:
        into.write(rows)
    bare = time.perf_counter() - started
    return ours, bare


def _per_second(name: str, pairs: list[tuple[Seconds, Seconds]], rows: int) -> Result:
    speeds = [rows / ours for ours, _ in pairs]
    ours_ms, bare_ms = (1000 * statistics.median(times) / rows for times in zip(*pairs, strict=True))
    median = statistics.median(speeds)
    return Result(name, ">=", None, median, min(speeds), max(speeds), len(pairs), ours_ms, bare_ms, "rows/s")


def _promise(times: dict[str, list[tuple[Seconds, Seconds]]], leads: int) -> Result:
    """Whole loads, scaled to the size that is promised."""
    totals = [
        (of_leads[0] + of_activities[0]) * PROMISED_LEADS / leads
        for of_leads, of_activities in zip(times["leads"], times["activities"], strict=True)
    ]
    name = f"{PROMISED_LEADS:,} leads with {PROMISED_LEADS * ACTIVITIES_EACH:,} activities"
    median = statistics.median(totals)
    return Result(
        name,
        "<",
        PROMISED_SECONDS,
        median,
        min(totals),
        max(totals),
        len(totals),
        1000 * median,
        None,
        "s",
    )
