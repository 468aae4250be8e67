"""`leadguard publish`: hands the events of the outbox to a sink, at least once and in order."""

import os
import secrets
import socket
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import click
import psycopg

from jobs.console import App, common_options, pass_app, to_json
from jobs.database import Connection
from jobs.sinks import Sink, SinkFailed, open_sink

# The database chooses its own batch; the lease must outlast writing and acknowledging one.
_CLAIM = """
    select token, id, event_type, payload::text as payload
      from public.claim_outbox_events(%(holder)s, %(limit)s)
"""
# Events that were written but whose leads are busy are acknowledged in a later round: wait this
# long between rounds that bring nothing forward, and give up after so many.
_PAUSE_SECONDS = 0.1
_PATIENCE = 50


@dataclass
class Published:
    """What one pass did."""

    sent: int = 0
    acknowledged: int = 0
    left_unacknowledged: int = 0
    by_type: dict[str, int] = field(default_factory=dict)


def publish(connection: Connection, sink: Sink, limit: int) -> Published:
    """Claims, writes, flushes, acknowledges, until nothing is pending.

    The connection is in autocommit mode: no transaction is open while the sink is written to.
    """
    result = Published()
    # Two containers may share their host name and their process ids.
    holder = f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(4)}"
    written: set[int] = set()  # ids that went out in this pass and are not known to be acknowledged
    fruitless = 0
    token: int | None = None
    connection.execute("select public.make_outbox_partitions()")  # ahead of the events that need them
    while fruitless < _PATIENCE:
        batch = connection.execute(_CLAIM, {"holder": holder, "limit": limit}).fetchall()
        if not batch:
            break
        token = int(batch[0]["token"])
        try:
            fresh = [event for event in batch if event["id"] not in written]
            _write(sink, fresh, result)
            ids = [event["id"] for event in batch]
            written.update(ids)
            acknowledged = _acknowledge(connection, token, ids, sink.proves_delivery)
        except BaseException:
            # Whoever publishes next need not wait until our lease has run out.
            _release(connection, token)
            raise
        result.acknowledged += acknowledged
        if acknowledged == len(ids):
            written.difference_update(ids)
        fruitless = 0 if acknowledged else fruitless + 1
        if not acknowledged:
            _release(connection, token)
            time.sleep(_PAUSE_SECONDS)
    if token is not None:
        _release(connection, token)
    result.left_unacknowledged = result.sent - result.acknowledged
    return result


def _write(sink: Sink, events: Sequence[dict[str, Any]], result: Published) -> None:
    try:
        for event in events:
            sink.send(event["payload"])
        sink.flush()
    except OSError as error:
        raise SinkFailed(f"the sink failed: {error}") from error
    result.sent += len(events)
    for event in events:
        result.by_type[event["event_type"]] = result.by_type.get(event["event_type"], 0) + 1


def _acknowledge(connection: Connection, token: int, ids: list[int], proven: bool) -> int:
    row = connection.execute(
        "select public.acknowledge_outbox_events(%s, %s::bigint[], %s) as count", [token, ids, proven]
    ).fetchone()
    return int(row["count"]) if row else 0


def _release(connection: Connection, token: int) -> None:
    try:
        connection.execute("select public.release_outbox_claim(%s)", [token])
    except psycopg.Error:
        # Without a connection the lease simply runs out; the failure that led here is the news.
        pass


@click.command("publish")
@click.option(
    "--sink",
    "sink_url",
    envvar="LEADGUARD_SINK",
    default="stdout:",
    show_default=True,
    metavar="URL",
    help="Where to: stdout: or file:PATH (also LEADGUARD_SINK).",
)
@click.option(
    "--limit", type=click.IntRange(1, 10_000), default=500, show_default=True, help="Events in one claim."
)
@common_options
@pass_app
def command(app: App, sink_url: str, limit: int) -> None:
    """Publish what is pending in the outbox (one pass, for cron).

    One JSON object a line on stdout, or in the file; the summary goes to stderr, so that stdout
    holds events only. These sinks prove nothing: a reminder counts as sent only where the setting
    reminder_proof is 'any'.

    \b
    Exit codes: 0 done, 1 the database refused, 3 unreachable,
    6 the sink failed (nothing is lost, the next pass goes on).

    \b
    Examples:
      leadguard publish
      leadguard publish --sink file:events.jsonl
      leadguard publish | jq -r .event_type
    """
    database = app.database
    with database.session("leadguard publish") as connection:
        sink = open_sink(sink_url)
        try:
            with database.job_run(connection, "publish") as detail:
                result = publish(connection, sink, limit)
                detail.update(asdict(result), sink=sink_url.partition(":")[0])
        finally:
            sink.close()
    if app.json:
        app.remark(to_json(asdict(result)))
        return
    app.remark(f"published {result.sent} events")
    if result.left_unacknowledged > 0:
        app.remark(
            f"{result.left_unacknowledged} of them are not acknowledged yet (their leads are busy, or another"
            " publisher took over): the next pass repeats them"
        )
