"""Measures the workers: reminders and expiries against bare inserts, the outbox against its bounds.

./run bench workers [--leads N] [--only PART[,PART]] [--json]
"""

from __future__ import annotations

import sys
from dataclasses import asdict

import click
from rich.table import Table

from bench.handled import measure_handled
from bench.imports import measure_imports
from bench.load import Book, WrongLoad, load
from bench.measure import Result
from bench.pipeline import DRAIN_BOUND, measure_drain, measure_latency
from jobs.cluster import Cluster
from jobs.console import stdout, to_json
from jobs.migrate import migrate

# A server of its own as an operator would set it up: commits reach the disk, the tables fit in memory.
SETTINGS = {
    "shared_buffers": "2GB",
    "max_wal_size": "8GB",
    "checkpoint_timeout": "30min",
    "random_page_cost": "1.1",
}
MANY = 1_000_000
DUE = 10_000
EVENTS = 100_000
RATE = 500
IMPORTED = 100_000

HEADINGS = ("measurement", "bound", "measured", "lowest..highest", "rounds", "ours ms", "bare ms", "")
PARTS = ("drain", "latency", "imports", "sweeps")


def _chosen(_context: click.Context, _parameter: click.Parameter, value: str) -> list[str]:
    names = value.split(",")
    if unknown := set(names) - set(PARTS):
        raise click.BadParameter(f"{', '.join(sorted(unknown))}: the parts are {', '.join(PARTS)}")
    return names


@click.command()
@click.option(
    "--leads", default=1_000_000, show_default=True, type=click.IntRange(200_000), help="For sweeps."
)
@click.option("--seconds", default=20.0, show_default=True, type=click.FloatRange(1), help="Each time.")
@click.option("--only", default=",".join(PARTS), show_default=True, callback=_chosen, help="The parts.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON for machines.")
def main(leads: int, seconds: float, only: list[str], as_json: bool) -> None:
    """Measure, print bounds and results, exit 1 when one is missed.

    \b
    Examples:
      ./run bench workers
      ./run bench workers --only drain,latency
    """

    def say(text: str) -> None:
        if not as_json:
            click.echo(f"bench: {text}", err=True)

    results: list[Result] = []
    with Cluster(durable=True, settings=SETTINGS) as cluster:
        url = cluster.create_database("outbox")
        migrate(url)
        if "drain" in only:
            say("drain")
            results.append(measure_drain(url, EVENTS, 1, DRAIN_BOUND))
            results.append(measure_drain(url, EVENTS, 2, None))
        if "latency" in only:
            say("latency")
            results += measure_latency(url, RATE, seconds)
        if "imports" in only:
            say("imports")
            url = cluster.create_database("imports")
            migrate(url)
            results += measure_imports(url, IMPORTED, rounds=1)
        if "sweeps" in only:
            url = cluster.create_database("bench")
            try:
                load(url, Book(leads - leads % 10_000, activities=1, due=DUE), say)
            except WrongLoad as error:
                sys.exit(f"bench: {error}")
            say("sweeps")
            results += measure_handled(url, DUE, leads, seconds)
    if as_json:
        plain = [{**asdict(result), "passed": result.passed} for result in results]
        print(to_json({"leads": leads, "postgresql": cluster.major, "results": plain}))
    else:
        show(results, cluster.major)
    sys.exit(0 if all(result.passed for result in results) else 1)


def show(results: list[Result], major: int) -> None:
    table = Table(title=f"PostgreSQL {major}")
    for heading in (
        "measurement",
        "bound",
        "measured",
        "lowest..highest",
        "rounds",
        "ours ms",
        "bare ms",
        "",
    ):
        table.add_column(heading, justify="left" if heading == "measurement" else "right")
    for result in results:
        digits = 0 if result.unit.endswith("/s") else 2
        bound = (
            "" if result.bound is None else f"{result.comparison} {result.bound:,.{digits}f} {result.unit}"
        )
        verdict = "" if result.bound is None else "pass" if result.passed else "MISSED"
        table.add_row(
            result.name,
            bound,
            f"{result.measured:,.{digits}f}",
            f"{result.lowest:,.{digits}f}..{result.highest:,.{digits}f}",
            str(result.rounds),
            f"{result.ours_ms:,.2f}",
            "" if result.bare_ms is None else f"{result.bare_ms:,.2f}",
            verdict,
        )
    stdout().print(table)


if __name__ == "__main__":
    main()
