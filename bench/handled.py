"""What a due lead costs: the sweep that queues or records it, against the bare INSERT of the same rows."""

from __future__ import annotations

import statistics
from dataclasses import replace

from psycopg import sql

from bench.measure import Result, Run, Seconds, Statement, in_turns, speed
from bench.sweeps import SWEEPS
from jobs.database import Connection, Database

# What a sweep returns is a table's row type; beside it each due lead has an event.
_TABLES = {"dispatch_due_reminders": "lead_reminders", "expire_due_protections": "lead_protection_periods"}


def measure_handled(url: str, due: int, leads: int, seconds: float) -> list[Result]:
    """`due` leads of `leads` at once, rolled back each time; then the rows they came to, into bare tables."""
    results = []
    with Database(url).session("leadguard bench") as connection:
        connection.execute("create schema if not exists bare")
        for function, things in SWEEPS.items():
            table = _TABLES[function]
            _keep_rows(connection, function, table, due)
            insert = f"""
                with rows as (
                    insert into bare.{table} overriding system value select * from bare.{table}_rows
                )
                insert into bare.{table}_events overriding system value
                select * from bare.{table}_event_rows
            """  # noqa: S608
            ours = _rolled_back(connection, f"select count(*) from public.{function}({due})")  # noqa: S608
            pairs = in_turns(ours, _rolled_back(connection, insert), seconds)
            ratio = speed(f"{things}: {due:,} due of {leads:,} against the bare insert", pairs, None, 1)
            results += [ratio, _rate(things, ratio, due, [pair[0] for pair in pairs])]
    return results


def _rate(things: str, ratio: Result, due: int, times: list[Seconds]) -> Result:
    return replace(
        ratio,
        name=f"{things} a second, {due:,} at once",
        measured=due / statistics.median(times),
        lowest=due / max(times),
        highest=due / min(times),
        unit=f"{things}/s",
    )


def _keep_rows(connection: Connection, function: str, table: str, due: int) -> None:
    """Runs the sweep, brings the rows it came to out of its transaction, and rolls that back."""
    places = {f"{table}_rows": table, f"{table}_event_rows": "outbox"}
    for place, source in places.items():
        _create(connection, place, source, "")
    for place, source in {table: table, f"{table}_events": "outbox"}.items():
        _create(connection, place, source, " including all")
    with connection.transaction(force_rollback=True):
        connection.execute(
            sql.SQL("insert into bare.{} select * from public.{}(%s)").format(
                sql.Identifier(f"{table}_rows"), sql.Identifier(function)
            ),
            [due],
        )
        connection.execute(
            sql.SQL(
                "insert into bare.{} select * from public.outbox where xmin = pg_current_xact_id()::xid"
            ).format(sql.Identifier(f"{table}_event_rows"))
        )
        copies = {place: _copied(connection, place) for place in places}
    for place, data in copies.items():
        with connection.cursor().copy(f"copy bare.{place} from stdin (format binary)".encode()) as copy:
            copy.write(data)
        row = connection.execute(f"select count(*) as n from bare.{place}".encode()).fetchone()  # noqa: S608
        assert row is not None
        assert row["n"] >= due, f"{place}: {row['n']} rows"
    connection.execute("vacuum analyze")


def _create(connection: Connection, place: str, source: str, including: str) -> None:
    connection.execute(f"create table bare.{place} (like public.{source}{including})".encode())


def _copied(connection: Connection, place: str) -> bytes:
    with connection.cursor().copy(f"copy bare.{place} to stdout (format binary)".encode()) as copy:
        return b"".join(bytes(part) for part in copy)


def _rolled_back(connection: Connection, query: str) -> Run:
    statement = Statement(connection, query)

    def run(_number: int) -> Seconds:
        with connection.transaction(force_rollback=True):
            return statement.run_all([[]])

    return run
