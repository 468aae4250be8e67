"""What goes wrong between the outbox and a broker: nothing is lost, and one event's trouble stays its own.

LEADGUARD_PAUSE sets for how many seconds the broker is paused (`./run test --nightly`: a minute).
"""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import nats
import psycopg
import pytest

from jobs.cluster import Cluster
from jobs.database import Database
from jobs.publish import Published, publish
from jobs.sinks import Event, Refusal, SinkFailed, open_sink
from tests.brokers import NatsServer
from tests.daemon import Daemon, eventually
from tests.kills import Count, HotWriter, Stream, compare

PAUSE_SECONDS = float(os.environ.get("LEADGUARD_PAUSE", "2"))

Connect = Callable[..., psycopg.Connection[Any]]


class Picky:
    """A sink that keeps no order, and refuses or fails as it is told."""

    proves_delivery = True
    keeps_order = False

    def __init__(self) -> None:
        self.refuses: Callable[[Event], Refusal | None] = lambda event: None
        self.fails_after: int | None = None
        self.lines: list[str] = []
        self.calls: list[list[int | None]] = []

    def deliver(self, events: Sequence[Event]) -> Mapping[int, Refusal]:
        self.calls.append([event.lead_id for event in events])
        refused = {event.id: refusal for event in events if (refusal := self.refuses(event))}
        accepted = [event for event in events if event.id not in refused][: self.fails_after]
        self.lines += [event.payload for event in accepted]
        if self.fails_after is not None:
            raise SinkFailed("down", frozenset(event.id for event in accepted))
        return refused

    def close(self) -> None:
        pass


def one_pass(url: str, sink: Any, limit: int = 100) -> Published:
    with Database(url).session() as connection:
        return publish(connection, sink, limit)


def one(connection: psycopg.Connection[Any], query: str) -> Any:
    row = connection.execute(query.encode()).fetchone()
    assert row is not None
    return row[0]


def told(lines: list[str], lead: int) -> list[str]:
    return [event["event_type"] for event in map(json.loads, lines) if event["lead_id"] == lead]


@pytest.fixture
def leads(fresh_database: str, connect: Connect) -> psycopg.Connection[Any]:
    """Three leads with three events each."""
    connection = connect(fresh_database)
    connection.execute("update public.settings set value = '10 ms' where name = 'outbox_retry_delay'")
    connection.execute("insert into public.leads (id, user_id) values (1, 7), (2, 7), (3, 7)")
    for user in (8, 9):
        connection.execute("update public.leads set user_id = %s", [user])
    return connection


# --- one event's trouble ----------------------------------------------------------------------------------


def test_no_call_has_two_events_of_one_lead(fresh_database: str, leads: psycopg.Connection[Any]) -> None:
    sink = Picky()
    assert one_pass(fresh_database, sink).acknowledged == 9
    assert [sorted(call, key=str) for call in sink.calls] == [[1, 2, 3]] * 3


def test_a_refused_event_holds_back_its_own_lead_until_it_is_accepted(
    fresh_database: str, leads: psycopg.Connection[Any]
) -> None:
    sink = Picky()
    sink.refuses = lambda event: Refusal("not now") if event.lead_id == 1 else None
    result = one_pass(fresh_database, sink)
    assert (result.acknowledged, result.dead_lettered) == (6, 0)
    assert (len(told(sink.lines, 1)), len(told(sink.lines, 2)), len(told(sink.lines, 3))) == (0, 3, 3)
    sink.refuses = lambda event: None
    eventually(lambda: one_pass(fresh_database, sink).acknowledged, "its time comes")
    assert told(sink.lines, 1) == ["lead.protection.activated", *["lead.protection.transferred"] * 2]
    assert one(leads, "select count(*) from public.outbox") == 0


def test_a_poisonous_event_becomes_a_dead_letter_and_its_lead_goes_on(
    fresh_database: str, leads: psycopg.Connection[Any]
) -> None:
    leads.execute("update public.settings set value = '3' where name = 'outbox_max_attempts'")
    sink = Picky()
    sink.refuses = lambda event: Refusal("cannot \0 read it") if "activated" in event.event_type else None

    def is_through() -> bool:
        one_pass(fresh_database, sink)
        return len(sink.lines) == 6

    eventually(is_through, "after the last attempt the others go out")
    rows = leads.execute(
        "select lead_id, attempts, last_error from public.outbox_dead_letters order by 1"
    ).fetchall()
    assert rows == [(lead, 3, "cannot   read it") for lead in (1, 2, 3)]
    # Once its reader has been mended, it is brought back as it was.
    sink.refuses = lambda event: None
    leads.execute("select public.replay_outbox_events(p_state => 'DEAD')")
    assert one_pass(fresh_database, sink).acknowledged == 3


def test_what_a_failing_sink_accepted_is_acknowledged_and_no_attempt_is_counted(
    fresh_database: str, leads: psycopg.Connection[Any]
) -> None:
    sink = Picky()
    sink.fails_after = 2
    with pytest.raises(SinkFailed):
        one_pass(fresh_database, sink)
    assert one(leads, "select count(*) from public.outbox_archive") == 2
    assert one(leads, "select max(attempts) from public.outbox") == 0
    sink.fails_after = None
    assert one_pass(fresh_database, sink).acknowledged == 7
    assert len(set(sink.lines)) == len(sink.lines) == 9


def test_a_claim_looks_at_no_more_events_however_many_wait(fresh_database: str, connect: Connect) -> None:
    """And the planner has not heard of them yet."""
    connection = connect(fresh_database)
    connection.execute(
        """
        insert into public.leads (id, user_id) select n, 7 from generate_series(1, 20000) as n;
        update public.outbox set attempts = 1, next_attempt_at = now() + interval '1 hour'
         where lead_id <= 19980;
        update public.settings set value = '1' where name = 'outbox_shards';
        """
    )
    with connection.transaction(force_rollback=True):
        claimed = connection.execute("select id from public.claim_outbox_events('p', 10)").fetchall()
        looked_at = one(
            connection,
            "select pg_stat_get_xact_tuples_returned('public.outbox'::regclass)"
            " + pg_stat_get_xact_tuples_fetched('public.outbox'::regclass)",
        )
    assert len(claimed) == 10
    assert looked_at < 500


def test_a_megabyte_of_free_text_refuses_no_writer_and_travels_nowhere(
    fresh_database: str, connect: Connect, nats_server: NatsServer
) -> None:
    connection = connect(fresh_database)
    connection.execute(
        "insert into public.leads (id, user_id, company_name) values (1, 7, repeat('ü', 500000))"
    )
    connection.execute("call public.create_lead_hold(1, 7, repeat('x', 1000000))")
    stream = Stream(nats_server)
    sink = open_sink(stream.url, Database())
    assert one_pass(fresh_database, sink).acknowledged == 2
    assert max(map(len, stream.delivered())) < 1000
    # One that is too large all the same is set apart at once, and says why.
    connection.execute("call public.release_lead_hold(1, 7)")
    connection.execute("alter table public.outbox disable trigger user")  # the check at the source
    connection.execute("update public.outbox set payload = (payload::text || repeat(' ', 2000000))::json")
    connection.execute("alter table public.outbox enable trigger user")
    connection.execute("update public.leads set user_id = 8")
    result = one_pass(fresh_database, sink)
    sink.close()
    assert (result.acknowledged, result.dead_lettered) == (1, 1)
    assert "the server takes 1,048,576" in one(
        connection, "select last_error from public.outbox_dead_letters"
    )


# --- the broker's trouble ---------------------------------------------------------------------------------


def limit_stream(server: NatsServer, room: int | None) -> None:
    """Leaves a stream room for so many messages; None: as many as come."""

    async def change() -> None:
        client = await nats.connect(server.url)
        context = client.jetstream()
        info = await context.stream_info("leads")
        info.config.max_msgs = -1 if room is None else info.state.messages + room
        info.config.discard = nats.js.api.DiscardPolicy.NEW
        await context.update_stream(info.config)
        await client.close()

    asyncio.run(change())


def test_whatever_happens_to_the_broker_nothing_is_lost_and_no_attempt_is_counted(
    fresh_database: str, connect: Connect, nats_server: NatsServer
) -> None:
    connection = connect(fresh_database)
    stream = Stream(nats_server)
    writer = HotWriter(fresh_database, 1)
    arguments = ("--sink", f"{stream.url}&timeout=1", "--publish-every", "0.2")

    def pause() -> None:
        nats_server.pause()
        time.sleep(PAUSE_SECONDS)

    with Daemon(fresh_database, *arguments) as daemon:
        eventually(daemon.is_ready, "it is at work")
        writer.want(2000)
        writer.start()
        troubles: list[tuple[Callable[[], None], Callable[[], None]]] = [
            (nats_server.stop, nats_server.start),
            (nats_server.kill, nats_server.start),
            (pause, nats_server.resume),
            (lambda: limit_stream(nats_server, 5), lambda: limit_stream(nats_server, None)),
        ]
        for begin, end in troubles:
            # A long pause is told of more than once.
            failed, worked = (len(daemon.said("publish", part)) for part in ("trying again", "works again"))
            begin()
            daemon.waits_for("publish", "trying again", times=failed + 1)
            end()
            daemon.waits_for("publish", "works again", times=worked + 1)
        writer.end()
        waiting = "select count(*) from public.outbox"
        eventually(lambda: one(connection, waiting) == 0, "all is published")
        assert daemon.stop() == 0
        assert daemon.noise == []
    count = Count()
    compare(connection, stream.delivered(), count)
    assert count.events > 100
    assert count.faults == (0, 0, 0), count
    assert one(connection, "select count(*) from public.outbox_dead_letters") == 0


def test_after_dump_and_restore_publishing_goes_on_and_nothing_passes_for_a_repetition(
    fresh_database: str, connect: Connect, cluster: Cluster, nats_server: NatsServer, tmp_path: Path
) -> None:
    stream = Stream(nats_server, window=600)
    sink = open_sink(stream.url, Database())
    connection = connect(fresh_database)
    connection.execute("insert into public.leads (id, user_id) select n, 7 from generate_series(1, 20) as n")
    assert one_pass(fresh_database, sink).acknowledged == 20
    connection.execute("update public.leads set user_id = 8")
    dump = tmp_path / "leadguard.dump"
    subprocess.run([cluster.bin / "pg_dump", "-Fc", "-f", dump, "-d", fresh_database], check=True)
    connection.execute("update public.leads set user_id = 9")
    assert one_pass(fresh_database, sink).acknowledged == 40  # what the restored database will not know

    restored = cluster.create_database("leadguard_restored")
    subprocess.run(
        [cluster.bin / "pg_restore", "--exit-on-error", "-d", restored, dump], check=True, capture_output=True
    )
    other = connect(restored)
    other.execute("update public.leads set user_id = 10")  # the same numbers again, as other events
    assert one_pass(restored, sink).acknowledged == 40
    sink.close()
    delivered = [json.loads(line)["event_id"] for line in stream.delivered()]
    for database in (connection, other):
        known = {str(row[0]) for row in database.execute("select event_id from public.outbox_archive")}
        assert len(known) == 60
        assert known <= set(delivered)
    assert len(delivered) == len(set(delivered)) == 80
    other.close()
    cluster.drop_database("leadguard_restored")
