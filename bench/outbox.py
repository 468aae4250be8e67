"""Measures the outbox into JetStream, RabbitMQ and a webhook, against their bare clients in the same run.

Only JetStream has a bound. RabbitMQ, where it is installed, gets a fifth of the events, the webhook a
twentieth.

./run bench outbox [--events N] [--rounds N] [--json]
"""

from __future__ import annotations

import asyncio
import os
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import asdict

import click
import httpx
import nats
import pika
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
from tests.brokers import NatsServer, RabbitServer, Receiver
from tests.tools import nats_server, rabbitmq_server

BOUND = 0.6  # of the bare client


def measure_jetstream(url: str, server: NatsServer, events: int, rounds: int) -> list[Result]:
    """A backlog into one stream, and the same payloads by the bare client into another, turn by turn."""
    return _against(
        url,
        f"{server.url}/leads?create=true",
        lambda payloads: asyncio.run(_publish_bare(server, payloads)),
        (events, rounds),
        ("JetStream", "the bare client, no headers, many in flight"),
        BOUND,
    )


def measure_rabbitmq(url: str, server: RabbitServer, events: int, rounds: int) -> list[Result]:
    """The same into queues: ours confirmed one by one, the bare client's only sent and counted at the end."""
    with pika.BlockingConnection(pika.URLParameters(server.url)) as connection:
        channel = connection.channel()
        for name in ("leads", "bare"):
            channel.exchange_declare(name, "topic", durable=True)
            channel.queue_declare(name, durable=True)
            channel.queue_bind(name, name, "#")
    return _against(
        url,
        f"{server.url}/leads",
        lambda payloads: _send_to_rabbitmq(server, payloads),
        (events, rounds),
        ("RabbitMQ", "the bare client, no headers, no confirms"),
        None,
    )


def measure_webhook(url: str, receiver: Receiver, events: int, rounds: int) -> list[Result]:
    """The same into a receiver written in Python, which is what limits both."""
    os.environ |= {"LEADGUARD_WEBHOOK_SECRET": f"whsec_{'A' * 43}=", "LEADGUARD_WEBHOOK_ALLOW_PRIVATE": "1"}
    return _against(
        url,
        receiver.url,
        lambda payloads: asyncio.run(_post_bare(receiver, payloads)),
        (events, rounds),
        ("a webhook", "the bare client, no signature, 32 in flight"),
        None,
    )


def _against(
    url: str,
    sink_url: str,
    publish_bare: Callable[[list[bytes]], float],
    size: tuple[int, int],
    names: tuple[str, str],
    bound: float | None,
) -> list[Result]:
    events, rounds = size
    ours, bare = [], []
    database = Database(url)
    with database.session("leadguard bench") as connection:
        connection.execute("select public.make_outbox_partitions()")
        sink = open_sink(sink_url, database)
        for number in range(rounds + 1):
            fill_outbox(connection, events)
            seconds = publish_bare(_payloads(connection))
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
    return [
        Result(f"{names[0]}: of the bare client's rate", ">=", bound, *_spread(shares), mine, theirs, "x"),
        Result(
            f"{events:,} events into {names[0]}, archive included",
            *(">=", None, *_spread(ours), mine, theirs, "events/s"),
        ),
        Result(names[1], ">=", None, *_spread(bare), theirs, None, "events/s"),
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


def _send_to_rabbitmq(server: RabbitServer, payloads: list[bytes]) -> float:
    with pika.BlockingConnection(pika.URLParameters(server.url)) as connection:
        channel = connection.channel()
        started = time.perf_counter()
        for payload in payloads:
            channel.basic_publish(
                "bare",
                "lead.protection.activated",
                payload,
                pika.BasicProperties(delivery_mode=2),
            )
        channel.queue_purge("bare")  # answered after all that came before it
        seconds = time.perf_counter() - started
        channel.queue_purge("leads")
    return seconds


async def _post_bare(receiver: Receiver, payloads: list[bytes]) -> float:
    receiver.received.clear()
    waiting = iter(payloads)
    async with httpx.AsyncClient(trust_env=False) as client:

        async def lane() -> None:
            for payload in waiting:
                (await client.post(receiver.url, content=payload)).raise_for_status()

        started = time.perf_counter()
        await asyncio.gather(*[lane() for _ in range(32)])
        return time.perf_counter() - started


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
        if rabbitmq_server() is not None:
            with RabbitServer() as rabbitmq:
                results += measure_rabbitmq(url, rabbitmq, max(events // 5, 1000), rounds)
        with Receiver() as receiver:
            results += measure_webhook(url, receiver, max(events // 20, 1000), rounds)
    if as_json:
        plain = [{**asdict(result), "passed": result.passed} for result in results]
        print(to_json({"events": events, "postgresql": cluster.major, "results": plain}))
    else:
        show(results, cluster.major)
    sys.exit(0 if all(result.passed for result in results) else 1)


if __name__ == "__main__":
    main()
