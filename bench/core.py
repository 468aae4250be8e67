"""Measures the database against bare tables in the same run, and fails when a bound is missed.

./run bench core [--leads N] [--seconds S] [--json] [--plans]
"""

from __future__ import annotations

import sys
from dataclasses import asdict

import click
from rich.table import Table

from bench.bare import copy_tables, copy_view
from bench.cases import measure_reads, measure_writes
from bench.load import Book, WrongLoad, load
from bench.measure import Result
from bench.plans import plans
from bench.sweeps import measure_due, measure_idle
from jobs.cluster import Cluster
from jobs.console import stdout, to_json
from jobs.database import Database

# A server of its own as an operator would set it up: commits reach the disk, the tables fit in memory.
SETTINGS = {
    "shared_buffers": "2GB",
    "max_wal_size": "8GB",
    "checkpoint_timeout": "30min",
    "random_page_cost": "1.1",
}
# Beyond a million leads the number of activities changes nothing that is measured, but the time to load them.
MANY = 1_000_000


@click.command()
@click.option("--leads", default=MANY, show_default=True, type=click.IntRange(20_000), help="How many.")
@click.option("--seconds", default=20.0, show_default=True, type=click.FloatRange(0), help="Each time.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON for machines.")
@click.option("--plans", "with_plans", is_flag=True, help="Print the plans of the hot queries, too.")
def main(leads: int, seconds: float, as_json: bool, with_plans: bool) -> None:
    """Measure, print bounds and results, exit 1 when one is missed.

    \b
    Examples:
      ./run bench core
      ./run bench core --leads 10000000 --json
    """
    leads -= leads % 10_000  # users have 500 each, also in the table of a tenth the size
    say = _silent if as_json else _remark
    with Cluster(durable=True, settings=SETTINGS) as cluster:
        book = Book(leads, activities=5 if leads <= MANY else 1)
        tenth = Book(leads // 10, activities=book.activities)
        url, tenth_url = cluster.create_database("bench"), cluster.create_database("tenth")
        try:
            load(url, book, say)
            load(tenth_url, tenth, say)
        except WrongLoad as error:
            sys.exit(f"bench: {error}")
        with Database(url).session("leadguard bench") as connection:
            say("bare tables")
            copy_tables(connection)
            copy_view(connection)
            connection.execute("vacuum analyze")
            connection.execute("checkpoint")
            shown = plans(connection) if with_plans else ""
            say("reads")
            results = measure_reads(connection, leads, seconds)
            say("sweeps")
            # Sessions of their own: after a rollback psycopg drops all that is prepared, Statement's own too.
            with (
                Database(url).session("leadguard bench") as large,
                Database(tenth_url).session("leadguard bench") as small,
            ):
                results += measure_due(large, small, (leads, tenth.leads), seconds)
                results += measure_idle(large, leads)
            say("writes")
            results += measure_writes(connection, leads, seconds)
    if as_json:
        print(to_json({"leads": leads, "postgresql": cluster.major, "results": _plain(results)}))
    else:
        _print(results, leads, cluster.major)
    if shown:
        print(shown)
    sys.exit(0 if all(result.passed for result in results) else 1)


def _remark(text: str) -> None:
    click.echo(f"bench: {text}", err=True)


def _silent(text: str) -> None:
    pass


def _plain(results: list[Result]) -> list[dict[str, object]]:
    return [{**asdict(result), "passed": result.passed} for result in results]


def _print(results: list[Result], leads: int, major: int) -> None:
    table = Table(title=f"PostgreSQL {major}, {leads:,} leads")
    for heading in (
        "measurement",
        "bound",
        "measured",
        "lowest..highest",
        "rounds",
        "ours ms",
        "other ms",
        "",
    ):
        table.add_column(heading, justify="left" if heading == "measurement" else "right")
    for result in results:
        table.add_row(
            result.name,
            _bound(result),
            f"{result.measured:.2f}",
            f"{result.lowest:.2f}..{result.highest:.2f}",
            str(result.rounds),
            f"{result.ours_ms:.3f}",
            "" if result.bare_ms is None else f"{result.bare_ms:.3f}",
            _verdict(result),
        )
    stdout().print(table)


def _bound(result: Result) -> str:
    return "" if result.bound is None else f"{result.comparison} {result.bound:.2f} {result.unit}".strip()


def _verdict(result: Result) -> str:
    if result.bound is None:
        return ""
    return "pass" if result.passed else "MISSED"


if __name__ == "__main__":
    main()
