"""Measures what a scrape and a count of the figures cost, with a thousand leads and with many.

./run bench exporter [--leads N] [--scrapes N]
"""

from __future__ import annotations

import statistics
import sys
import threading
import time
import urllib.request

import click

from bench.load import Book, WrongLoad, load
from exporter.flights import Flights
from exporter.scrape import Reader
from exporter.server import Server
from jobs.cluster import Cluster
from jobs.database import Database
from jobs.refresh import refresh

FEW = 1_000
SCRAPE_BOUND_MS = 20.0
_COUNTS = 7
_SAMPLES = """
    insert into public.sample_requests (user_id, product_type, urgency)
    select 1, 'product ' || n % 40, (array['LOW', 'NORMAL', 'HIGH'])[1 + n % 3]
      from generate_series(1, 2000) as n
"""


@click.command()
@click.option("--leads", default=1_000_000, show_default=True, type=click.IntRange(FEW), help="How many.")
@click.option("--scrapes", default=200, show_default=True, type=click.IntRange(20), help="How many.")
def main(leads: int, scrapes: int) -> None:
    """Measure, print the figures, exit 1 when a bound is missed.

    Example: ./run bench exporter --leads 100000
    """
    series = []
    passed = True
    with Cluster(durable=True, settings={"shared_buffers": "2GB", "max_wal_size": "8GB"}) as cluster:
        for count in (FEW, leads):
            url = cluster.create_database(f"figures_{count}")
            try:
                load(url, Book(count, activities=1, due=min(1_000, count // 100)), lambda text: None)
            except WrongLoad as error:
                sys.exit(f"bench: {error}")
            counting, noted = _count(url)
            scraping, found = _scrape(url, scrapes)
            series.append(found)
            p95 = statistics.quantiles(scraping, n=20)[-1]
            passed = passed and p95 < SCRAPE_BOUND_MS
            click.echo(
                f"{count:>10,} leads: count {statistics.median(counting):.0f} ms (most {max(counting):.0f}),"
                f" with {noted:,} notes; scrape median {statistics.median(scraping):.1f} ms,"
                f" p95 {p95:.1f} ms; {found} series"
            )
    passed = passed and len(set(series)) == 1
    click.echo(f"p95 below {SCRAPE_BOUND_MS:.0f} ms, as many series: {'pass' if passed else 'missed'}")
    sys.exit(0 if passed else 1)


def _count(url: str) -> tuple[list[float], int]:
    """Milliseconds of some counts, the first of which adds the notes of two thousand samples."""
    took = []
    noted = 0
    with Database(url).session("leadguard bench") as connection:
        connection.execute("vacuum analyze")
        connection.execute(_SAMPLES)
        for _ in range(_COUNTS):
            began = time.perf_counter()
            noted = max(noted, refresh(connection)["notes_added"])
            took.append(1000 * (time.perf_counter() - began))
    return took, noted


def _scrape(url: str, scrapes: int) -> tuple[list[float], int]:
    """Milliseconds of each scrape over HTTP, none of them from memory, and how many samples it has."""
    took = []
    content = b""
    flights = Flights(lambda: Reader(Database(url), 0.75), 0.9, keep=0)
    with Server(("127.0.0.1", 0), flights) as server:
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        for _ in range(scrapes):
            began = time.perf_counter()
            with urllib.request.urlopen(f"http://127.0.0.1:{server.server_port}/metrics") as answer:
                content = answer.read()
            took.append(1000 * (time.perf_counter() - began))
        server.shutdown()
    assert b"leadguard_up 1.0" in content
    return took[5:], sum(not line.startswith(b"#") for line in content.splitlines())


if __name__ == "__main__":
    main()
