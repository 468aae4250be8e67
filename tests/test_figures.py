"""Counters never fall and miss nothing, whatever is deleted, purged, corrected or committed late."""

from __future__ import annotations

import os
import random
import threading
from collections import Counter
from collections.abc import Callable
from typing import Any

import psycopg
import pytest
from click.testing import CliRunner
from psycopg import sql

from jobs.cli import cli
from tests.conftest import Connect

SEEDS = int(os.environ.get("LEADGUARD_FIGURE_SEEDS", "2"))
STEPS = int(os.environ.get("LEADGUARD_FIGURE_STEPS", "120"))
QUALIFIED = "QUALIFIED_CALL"

Key = tuple[Any, ...]


def read(connection: psycopg.Connection[Any], view: str) -> dict[Key, float]:
    """A metric's series: its value, or how much a histogram has seen."""
    cursor = connection.execute(sql.SQL("select * from public.{}").format(sql.Identifier(view)))
    names = [column.name for column in cursor.description or ()]
    labels = [i for i, name in enumerate(names) if name not in ("value", "bounds", "counts", "count", "sum")]
    value = names.index("value" if "value" in names else "count")
    return {(view, *(row[i] for i in labels)): row[value] for row in cursor.fetchall()}


def counters(connection: psycopg.Connection[Any]) -> dict[Key, float]:
    found: dict[Key, float] = {}
    for (view,) in connection.execute(
        "select distinct c.relname::text from pg_class as c join pg_attribute as a on a.attrelid = c.oid"
        " where c.relkind = 'v' and c.relname like 'metric\\_%'"
        "   and (c.relname like '%\\_total' or a.attname = 'bounds')"
    ).fetchall():
        found |= read(connection, view)
    return found


def total(found: dict[Key, float], metric: str) -> float:
    return sum(value for key, value in found.items() if key[0] == f"metric_{metric}")


class World:
    """Does something random, and knows what has been counted by it."""

    def __init__(self, connection: psycopg.Connection[Any], seed: int) -> None:
        self.connection = connection
        self.random = random.Random(seed)
        self.expected: Counter[str] = Counter()
        self.steps: list[Callable[[], dict[str, int]]] = [
            self.register, self.register, self.act, self.act, self.act_in_bulk, self.correct_activity,
            self.delete_activity, self.delete_lead, self.convert, self.hold, self.remind, self.expire,
            self.ask_sample, self.move_sample, self.delete_sample, self.ask_catering, self.answer_catering,
            self.publish, self.purge, self.refresh_late,
        ]  # fmt: skip

    def run(self, query: str, *parameters: object) -> int:
        return self.connection.execute(query, parameters).rowcount

    def step(self) -> None:
        """One step, or none where the rules refuse it."""
        try:
            with self.connection.transaction():
                done = self.random.choice(self.steps)()
        except psycopg.DatabaseError as error:
            if not (error.sqlstate or "").startswith("LP"):
                raise
        else:
            self.expected.update(done)

    def register(self) -> dict[str, int]:
        days, converted = self.random.choice([0, 1, 59, 61, 75, 200]), self.random.random() < 0.1
        self.run(
            "insert into leads (user_id, created_at) values (%s, now() - %s * interval '1 day')",
            self.random.randint(1, 3),
            days,
        )
        if converted:
            self.run("update leads set converted_at = now() where id = (select max(id) from leads)")
        return {"lead_conversion_success_total": int(converted)}

    def act(self) -> dict[str, int]:
        kind = self.random.choice([QUALIFIED, QUALIFIED, "EMAIL_SENT"])
        done = self.run(
            "insert into lead_activities (lead_id, user_id, activity_type, occurred_at)"
            " select id, user_id, %s, greatest(created_at, now() - %s * interval '1 day')"
            "   from leads order by random() limit 1",
            kind, self.random.choice([0, 0, 0, 1, 30]),
        )  # fmt: skip
        return {"lead_qualified_activity_total": done * (kind == QUALIFIED)}

    def act_in_bulk(self) -> dict[str, int]:
        done = self.run(
            "insert into lead_activities (lead_id, user_id, activity_type)"
            " select l.id, l.user_id + n %% 2, %s from leads as l, generate_series(1, 2) as n", QUALIFIED,
        )  # fmt: skip
        return {"lead_qualified_activity_total": done}

    def correct_activity(self) -> dict[str, int]:
        row = self.connection.execute(
            "select id, activity_type from lead_activities order by random() limit 1"
        ).fetchone()
        if row is None:
            return {}
        now = "EMAIL_SENT" if row[1] == QUALIFIED else QUALIFIED
        self.run("update lead_activities set activity_type = %s where id = %s", now, row[0])
        return {"lead_qualified_activity_total": int(now == QUALIFIED)}

    def delete_activity(self) -> dict[str, int]:
        self.run(
            "delete from lead_activities"
            " where id in (select id from lead_activities order by random() limit 3)"
        )
        return {}

    def delete_lead(self) -> dict[str, int]:
        self.run("delete from leads where id in (select id from leads order by random() limit 1)")
        return {}

    def convert(self) -> dict[str, int]:
        done = self.run(
            "update leads set converted_at = case when converted_at is null then now() end"
            " where id = (select id from leads order by random() limit 1) and converted_at is null"
        )
        return {"lead_conversion_success_total": done}

    def hold(self) -> dict[str, int]:
        self.run(
            "insert into lead_holds (lead_id, user_id, reason, end_at) select id, user_id, 'x', %s"
            "  from leads where converted_at is null order by random() limit 1",
            self.random.choice([None, "2099-01-01"]),
        )
        return {}

    def remind(self) -> dict[str, int]:
        queued = self.connection.execute("select reminder_type from dispatch_due_reminders(3)").fetchall()
        sent = self.run("update lead_reminders set sent_at = now() where sent_at is null and random() < 0.7")
        return {
            "lead_reminder_due_total": len(queued),
            "lead_reminder_sent_total": sent,
            "lead_reminder_delay_seconds": sent,
        }

    def expire(self) -> dict[str, int]:
        self.connection.execute("select expire_due_protections(2)")
        return {}

    def ask_sample(self) -> dict[str, int]:
        ended = self.random.random() < 0.3
        if ended:
            done = self.run(
                "insert into sample_requests (user_id, product_type, status, requested_at, resolved_at)"
                " values (7, 'imported', 'LOST', now() - interval '1 day', now())"
            )
        else:
            done = self.run(
                "insert into sample_requests (user_id, product_type, urgency)"
                " select 7, %s, 'HIGH' from generate_series(1, 3)",
                f"product {self.random.randint(1, 12)}",
            )
        return {"sample_request_total": done, "sample_request_lost_total": done * ended}

    def move_sample(self) -> dict[str, int]:
        status = self.random.choice(["DELIVERED", "LOST", "FAILED", "CANCELLED", "PACKED"])
        done = self.run(
            "update sample_requests set status = %s, product_type = %s where id ="
            " (select id from sample_requests where status in ('REQUESTED', 'IN_TRANSIT')"
            "   order by random() limit 1)",
            status, f"product {self.random.randint(1, 12)}",
        )  # fmt: skip
        self.run("update sample_requests set product_type = 'renamed' where random() < 0.1")
        figure = {"DELIVERED": "success", "LOST": "lost", "FAILED": "failed"}.get(status)
        return {f"sample_request_{figure}_total": done} if figure else {}

    def delete_sample(self) -> dict[str, int]:
        self.run("delete from sample_requests where random() < 0.2")
        return {}

    def ask_catering(self) -> dict[str, int]:
        self.run(
            "insert into event_catering_requests (user_id, event_type, requested_at)"
            " values (7, %s, now() - %s * interval '1 hour')",
            self.random.choice(["Gala", "Messe"]), self.random.choice([0, 1, 3]),
        )  # fmt: skip
        return {}

    def answer_catering(self) -> dict[str, int]:
        done = self.run(
            "update event_catering_requests set responded_at = now()"
            " where id ="
            " (select id from event_catering_requests where responded_at is null order by random() limit 1)"
        )
        self.run("delete from event_catering_requests where responded_at is not null and random() < 0.3")
        return {"event_catering_sla_seconds": done}

    def publish(self) -> dict[str, int]:
        rows = self.connection.execute("select id, token from claim_outbox_events('test', 5)").fetchall()
        if not rows:
            return {}
        row = self.connection.execute(
            "select acknowledge_outbox_events(%s, %s, false)", [rows[0][1], [row[0] for row in rows]]
        ).fetchone()
        assert row is not None
        self.connection.execute("select release_outbox_claim(%s)", [rows[0][1]])
        return {"outbox_published_total": row[0]}

    def purge(self) -> dict[str, int]:
        done = self.run(
            "insert into job_runs (job, started_at, finished_at, outcome)"
            " select 'remind', now() - n * interval '100 days', now() - n * interval '100 days', 'SUCCESS'"
            "   from generate_series(1, 3) as n"
        )
        self.connection.execute("select purge_job_runs(100)")
        self.run("delete from outbox_archive")  # as a month that is dropped
        return {"job_runs_total": done, "job_duration_seconds": done}

    def refresh_late(self) -> dict[str, int]:
        self.connection.execute("select refresh_figures(now() - interval '3 days')")
        return {}


@pytest.mark.parametrize("seed", range(SEEDS))
def test_counters_are_exact_and_never_fall(fresh_database: str, connect: Connect, seed: int) -> None:
    """Few labels are told apart here, so that most samples find the list full."""
    connection = connect(fresh_database)
    connection.execute("update settings set value = '5' where name = 'figure_series_limit'")
    world = World(connection, seed)
    before: dict[Key, float] = {}
    for _ in range(STEPS):
        world.step()
        with connection.transaction():
            connection.execute("select public.refresh_figures()")
            after = counters(connection)
            assert {
                key: (value, after.get(key))
                for key, value in before.items()
                if not after.get(key, -1) >= value
            } == {}
            assert connection.execute("select * from public.verify_figures()").fetchall() == []
        before = after
    told = {figure: total(before, figure) for figure in world.expected}
    assert told == dict(world.expected)
    assert len([key for key in before if key[0] == "metric_sample_request_total"]) <= 6


def test_committed_late_is_counted_late_and_once(fresh_database: str, connect: Connect) -> None:
    late, early, worker = (connect(fresh_database) for _ in range(3))
    late.execute("begin")
    late.execute("insert into sample_requests (user_id, product_type) values (7, 'late')")
    early.execute("insert into sample_requests (user_id, product_type) values (7, 'early')")
    worker.execute("select refresh_figures()")
    assert read(worker, "metric_sample_request_total") == {
        ("metric_sample_request_total", "early", "NORMAL"): 1
    }
    late.execute("commit")
    for _ in range(2):
        worker.execute("select refresh_figures()")
        assert total(counters(worker), "sample_request_total") == 2
    worker.execute("begin")
    early.execute("insert into sample_requests (user_id, product_type) values (7, 'early')")
    worker.execute("select refresh_figures()")
    worker.execute("rollback")  # a worker that dies in the middle
    worker.execute("select refresh_figures()")
    assert total(counters(worker), "sample_request_total") == 3


def test_several_who_count_while_others_write(fresh_database: str, connect: Connect) -> None:
    """Nothing is counted twice, nothing is left out, and no snapshot shows less than the one before."""
    done = threading.Event()
    fell: list[float] = []
    errors: list[BaseException] = []

    def write(connection: psycopg.Connection[Any]) -> None:
        for n in range(60):
            connection.execute(
                "insert into sample_requests (user_id, product_type) values (7, %s)", [f"p {n % 3}"]
            )
            connection.execute("insert into leads (user_id) values (7)")
            connection.execute(
                "insert into lead_activities (lead_id, user_id, activity_type)"
                " select id, 7, 'QUALIFIED_CALL' from leads order by random() limit 1 for update"
            )
            if n % 3 == 0:
                connection.execute(
                    "delete from leads where id = (select id from leads order by random() limit 1 for update)"
                )

    def count(connection: psycopg.Connection[Any]) -> None:
        last = 0.0
        while not done.is_set():
            connection.execute("select refresh_figures()")
            now = total(
                read(connection, "metric_lead_qualified_activity_total"), "lead_qualified_activity_total"
            )
            if now < last:
                fell.append(now)
            last = now

    def guarded(work: Callable[[psycopg.Connection[Any]], None]) -> threading.Thread:
        connection = connect(fresh_database)

        def run() -> None:
            try:
                work(connection)
            except BaseException as error:
                errors.append(error)

        thread = threading.Thread(target=run)
        thread.start()
        return thread

    counting = [guarded(count) for _ in range(2)]
    writing = [guarded(write) for _ in range(3)]
    for thread in writing:
        thread.join(120)
    done.set()
    for thread in counting:
        thread.join(30)
    assert errors == []
    assert fell == []
    connection = connect(fresh_database)
    connection.execute("select refresh_figures()")
    assert total(counters(connection), "sample_request_total") == 180
    assert connection.execute("select * from verify_figures()").fetchall() == []


def test_a_refresh_is_a_pass_that_is_recorded(fresh_database: str, connect: Connect) -> None:
    done = CliRunner().invoke(cli, ["refresh", "--json", "--database-url", fresh_database])
    assert done.exit_code == 0
    assert '"notes_added": 0' in done.output
    connection = connect(fresh_database)
    rows = connection.execute("select job, outcome from job_runs").fetchall()
    assert rows == [("refresh", "SUCCESS")]
    connection.execute("select refresh_figures()")
    assert total(counters(connection), "job_runs_total") == 1
