"""Measures the outbox into a real broker: JetStream, against what its bare client reaches in the same run.

./run bench outbox [--events N] [--rounds N] [--json]
"""

from __future__ import annotations

import asyncio
import statistics
import sys
import time
from dataclasses import asdict

import click
import nats
from nats.js.api import StreamConfig

from bench.measure import Result
from bench.pipeline import fill_outbox
from bench.workers import SETTINGS, show
from jobs.cluster import Cluster
from jobs.console import to_json
from jobs.database import Connection, Database
from jobs.migrate import migrate
from jobs.publish import DEFAULT_LIMIT, Publisher
from jobs.sinks import open_sink
from tests.brokers import NatsServer
from tests.tools import nats_server

BOUND = 0.6  # of the bare client


def measure_jetstream(url: str, server: NatsServer, events: int, rounds: int) -> list[Result]:
    """A backlog into one stream, and the same payloads by the bare client into another, turn by turn."""
    ours, bare = [], []
    database = Database(url)
    with database.session("leadguard bench") as connection:
        connection.execute("select public.make_outbox_partitions()")
        sink = open_sink(f"{server.url}/leads?create=true", database)
        for number in range(rounds + 1):
            fill_outbox(connection, events)
            payloads = _payloads(connection)
            seconds = asyncio.run(_publish_bare(server, payloads))
            started = time.perf_counter()
            result = Publisher(connection, sink, DEFAULT_LIMIT).drain()
            elapsed = time.perf_counter() - started
            assert (result.acknowledged, result.refused) == (events, 0)
            if number:  # the first warms up
                bare.append(events / seconds)
                ours.append(events / elapsed)
        sink.close()
    shares = [rate / other for rate, other in zip(ours, bare, strict=True)]
    mine, theirs = (1000 * events / statistics.median(rates) for rates in (ours, bare))
    name = f"{events:,} events into JetStream, archive included"
    other = "the bare client, no headers, many in flight"
    return [
        Result("of the bare client's rate", ">=", BOUND, *_spread(shares), mine, theirs, "x"),
        Result(name, ">=", None, *_spread(ours), mine, theirs, "events/s"),
        Result(other, ">=", None, *_spread(bare), theirs, None, "events/s"),
    ]


def _spread(values: list[float]) -> tuple[float, float, float, int]:
    return statistics.median(values), min(values), max(values), len(values)


def _payloads(connection: Connection) -> list[bytes]:
    rows = connection.execute("select payload::text as payload from public.outbox order by id").fetchall()
    return [row["payload"].encode() for row in rows]


async def _publish_bare(server: NatsServer, payloads: list[bytes]) -> float:
    client = await nats.connect(server.url)
    context = client.jetstream()
    await context.add_stream(StreamConfig(name="bare", subjects=["bare.>"]))
    started = time.perf_counter()
    await asyncio.gather(
        *[await context.publish_async("bare.lead.protection.activated", payload) for payload in payloads]
    )
    seconds = time.perf_counter() - started
    await context.delete_stream("bare")
    await client.close()
    return seconds


@click.command()
@click.option("--events", default=50_000, show_default=True, type=click.IntRange(1000), help="A round.")
@click.option("--rounds", default=5, show_default=True, type=click.IntRange(1), help="Beside the first.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON for machines.")
def main(events: int, rounds: int, as_json: bool) -> None:
    """Measure, print bounds and results, exit 1 when one is missed.

    \b
    Examples:
      ./run bench outbox
      ./run bench outbox --events 10000 --rounds 3
    """
    if nats_server() is None:
        sys.exit("bench: nats-server is needed: apt-get install nats-server, or see https://nats.io/download")
    with Cluster(durable=True, settings=SETTINGS) as cluster, NatsServer() as server:
        url = cluster.create_database("outbox")
        migrate(url)
        results = measure_jetstream(url, server, events, rounds)
    if as_json:
        plain = [{**asdict(result), "passed": result.passed} for result in results]
        print(to_json({"events": events, "postgresql": cluster.major, "results": plain}))
    else:
        show(results, cluster.major)
    sys.exit(0 if all(result.passed for result in results) else 1)


if __name__ == "__main__":
    main()
