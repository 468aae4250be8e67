"""What goes wrong around the workers: crashes, limits, timeouts, jumping clocks, many at once."""

from __future__ import annotations

import json
import shutil
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NoReturn

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from jobs.cluster import Cluster
from jobs.database import Database
from jobs.migrate import migrate
from tests.daemon import QUICK, QUICK_JOBS, Daemon, eventually, start
from tests.tools import libfaketime

Connect = Callable[..., psycopg.Connection[Any]]


def one(connection: psycopg.Connection[Any], query: str, *parameters: Any) -> Any:
    """The one value that a query returns."""
    row = connection.execute(query.encode(), parameters).fetchone()
    assert row is not None
    return row[0]


def register(connection: psycopg.Connection[Any], leads: int, age: str = "65 days") -> None:
    connection.execute(
        "insert into public.leads (user_id, company_name, created_at)"
        " select 1 + n %% 50, 'Kantine ' || n, now() - %s::interval from generate_series(1, %s) as n",
        [age, leads],
    )


def event_ids(path: Path) -> list[str]:
    lines = path.read_text("utf-8").splitlines() if path.exists() else []
    return [json.loads(line)["event_id"] for line in lines]


def finished(url: str, *arguments: str, **more: str) -> tuple[int, str, str]:
    """A command, run to its end; no failure may show a traceback."""
    process = start(url, *arguments, **more)
    out, error = process.communicate(timeout=120)
    assert "Traceback" not in error
    return process.wait(), out, error


def slow_down(connection: psycopg.Connection[Any], seconds: float) -> None:
    """Each reminder takes this long."""
    connection.execute(
        f"""
        create or replace function public.dawdle() returns trigger language plpgsql
        as 'begin perform pg_sleep({seconds}); return new; end';
        create or replace trigger dawdle before insert on public.lead_reminders
            for each row execute function public.dawdle();
        """.encode()
    )


def speed_up(connection: psycopg.Connection[Any]) -> None:
    connection.execute("drop trigger dawdle on public.lead_reminders")


# --- the server crashes -----------------------------------------------------------------------------------


@pytest.fixture
def own_cluster() -> Iterator[Cluster]:
    """A server that may be crashed; what it has committed it keeps."""
    with Cluster(durable=True, in_memory=True, settings={"fsync": "off"}) as running:
        yield running


class Writer(threading.Thread):
    """Registers leads whose reminder is due, one a transaction, and remembers which ones were committed."""

    def __init__(self, url: str) -> None:
        super().__init__(daemon=True)
        self._url = url
        self._over = threading.Event()
        self.committed: list[int] = []

    def run(self) -> None:
        while not self._over.is_set():
            try:
                with psycopg.connect(self._url, autocommit=True) as connection:
                    while not self._over.is_set():
                        insert = (
                            "insert into public.leads (user_id, company_name, created_at)"
                            " values (7, 'Kantine', now() - interval '65 days') returning id"
                        )
                        self.committed.append(one(connection, insert))
                        self._over.wait(0.005)
            except psycopg.OperationalError:
                self._over.wait(0.05)

    def waits_for(self, count: int) -> None:
        eventually(lambda: len(self.committed) >= count, "leads come in")

    def end(self) -> None:
        self._over.set()
        self.join(60)


def test_a_crashing_server_loses_nothing_and_doubles_no_reminder(
    own_cluster: Cluster, tmp_path: Path
) -> None:
    url = own_cluster.create_database("leadguard")
    migrate(url)
    target = tmp_path / "events.jsonl"
    writer = Writer(url)
    with Daemon(url, "--sink", f"file:{target}", *QUICK) as daemon:
        eventually(daemon.is_ready, "it is at work before the first crash")
        writer.start()
        for crash in range(1, 4):
            grown = len(writer.committed) + 50
            writer.waits_for(grown)
            own_cluster.restart("immediate")
            daemon.waits_for("publish", "works again", times=crash)
        writer.end()
        # A publisher that was in the middle of a batch waits until its own lease has run out.
        lease = 150.0
        with psycopg.connect(url, autocommit=True) as connection:
            due = (
                "select count(*) from public.leads as l where not exists"
                " (select from public.lead_reminders as r where r.lead_id = l.id)"
            )
            eventually(lambda: one(connection, due) == 0, "every reminder is queued")
            waiting = "select count(*) from public.outbox"
            eventually(lambda: one(connection, waiting) == 0, "all is published", lease)
            eventually(daemon.is_ready, "it is ready")
            assert daemon.stop() == 0
            assert daemon.noise == []
            registered = {row[0] for row in connection.execute("select id from public.leads")}
            assert registered.issuperset(writer.committed)
            reminders = connection.execute("select lead_id from public.lead_reminders").fetchall()
            assert sorted(row[0] for row in reminders) == sorted(registered)
            archived = {
                str(row[0]) for row in connection.execute("select event_id from public.outbox_archive")
            }
            assert len(archived) == 2 * len(registered)
            assert set(event_ids(target)) == archived


# --- limits -----------------------------------------------------------------------------------------------


@pytest.fixture
def as_worker(fresh_database: str, cluster: Cluster, connect: Connect) -> Iterator[str]:
    """The database as a login that has a worker's rights and no others."""
    connection = connect(fresh_database)
    connection.execute("create role leadguard_worker_test login in role lead_worker")
    yield make_conninfo(fresh_database, user="leadguard_worker_test")
    own = "select pg_terminate_backend(pid) from pg_stat_activity where usename = 'leadguard_worker_test'"
    connection.execute(own.encode())
    connection.execute("drop role leadguard_worker_test")


def test_a_full_server_is_waited_for(
    as_worker: str, fresh_database: str, connect: Connect, tmp_path: Path
) -> None:
    """With a worker's rights alone, and first with too few connections for all of them."""
    connection = connect(fresh_database)
    register(connection, 5)
    connection.execute("alter role leadguard_worker_test connection limit 0")
    code, _, error = finished(as_worker, "remind")
    assert code == 3, error
    target = tmp_path / "events.jsonl"
    with Daemon(as_worker, "--sink", f"file:{target}", *QUICK) as daemon:
        for name in QUICK_JOBS:
            daemon.waits_for(name, "too many connections", times=2)
        assert daemon.ask("/readyz")[0] == 503
        connection.execute("alter role leadguard_worker_test connection limit 2")
        eventually(
            lambda: len(daemon.log) and sum(w["message"] == "connected" for w in daemon.log) == 2, "two"
        )
        connection.execute(f"alter role leadguard_worker_test connection limit {len(QUICK_JOBS)}")
        eventually(daemon.is_ready, "it is ready")
        eventually(lambda: len(event_ids(target)) == 10, "all is published")
        assert daemon.stop() == 0


# --- timeouts and signals in the middle of work -----------------------------------------------------------


def test_a_sweep_that_is_too_slow_for_its_timeout_takes_smaller_batches(
    fresh_database: str, connect: Connect
) -> None:
    connection = connect(fresh_database)
    register(connection, 20)
    slow_down(connection, 0.1)
    limited = make_conninfo(fresh_database, options="-c statement_timeout=1000")
    code, out, error = finished(limited, "remind", "--json")
    assert (code, error) == (0, "")
    assert json.loads(out)["count"] == 20
    assert one(connection, "select count(*) from public.lead_reminders") == 20
    assert one(connection, "select detail from public.job_runs") == {"handled": 20}


@pytest.mark.parametrize("arguments", [["remind"], ["remind", "--dry-run"]], ids=" ".join)
def test_a_timeout_that_not_even_one_lead_fits_in_is_told_and_leaves_nothing(
    arguments: list[str], fresh_database: str, connect: Connect
) -> None:
    connection = connect(fresh_database)
    register(connection, 3)
    events = one(connection, "select count(*) from public.outbox")
    slow_down(connection, 60)
    limited = make_conninfo(fresh_database, options="-c statement_timeout=300")
    code, out, error = finished(limited, *arguments)
    assert (code, out) == (1, "")
    assert "57014" in error
    assert "with a single lead" in error
    assert "statement_timeout" in error.splitlines()[1]
    assert one(connection, "select count(*) from public.lead_reminders") == 0
    assert one(connection, "select count(*) from public.outbox") == events
    speed_up(connection)
    assert finished(limited, "remind") == (0, "queued 3 reminders\n", "")


def test_a_sweep_that_somebody_cancels_ends(fresh_database: str, connect: Connect) -> None:
    connection = connect(fresh_database)
    register(connection, 3)
    slow_down(connection, 60)
    process = start(fresh_database, "remind")
    cancel = (
        "select count(pg_cancel_backend(pid)) from pg_stat_activity where datname = current_database()"
        "   and application_name = 'leadguard remind' and wait_event = 'PgSleep'"
    )
    eventually(lambda: one(connection, cancel) == 1, "it works")
    _, error = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "57014" in error
    assert "single lead" not in error


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_pass_that_is_told_to_stop_undoes_its_batch_and_says_so(
    number: signal.Signals, fresh_database: str, connect: Connect
) -> None:
    connection = connect(fresh_database)
    register(connection, 4)
    events = one(connection, "select count(*) from public.outbox")
    slow_down(connection, 0.4)
    process = start(fresh_database, "remind", "--limit", "2")
    eventually(lambda: one(connection, "select count(*) from public.lead_reminders") == 2, "a batch is done")
    process.send_signal(number)
    _, error = process.communicate(timeout=60)
    assert (process.returncode, error) == (130, "interrupted\n")
    assert one(connection, "select count(*) from public.lead_reminders") in (2, 4)
    queued = one(connection, "select count(*) from public.lead_reminders")
    assert one(connection, "select count(*) from public.outbox") == events + queued
    assert one(connection, "select outcome from public.job_runs") == "FAILURE"
    speed_up(connection)
    assert finished(fresh_database, "remind")[:2] == (0, f"queued {4 - queued} reminders\n")


def interrupt_in_a_statement(connection: psycopg.Connection[Any]) -> NoReturn:
    with connection.transaction():
        connection.pgconn.send_query(b"select pg_sleep(60)")
        raise KeyboardInterrupt


def interrupt_at_begin(connection: psycopg.Connection[Any]) -> NoReturn:
    connection.execute("begin")
    raise KeyboardInterrupt


def interrupt_a_killed_session(connection: psycopg.Connection[Any]) -> NoReturn:
    with psycopg.connect(connection.info.dsn, autocommit=True) as other:
        other.execute("select pg_terminate_backend(%s, 10000)", [connection.info.backend_pid])
    raise KeyboardInterrupt


@pytest.mark.parametrize("work", [interrupt_in_a_statement, interrupt_at_begin, interrupt_a_killed_session])
def test_an_interruption_is_on_record(
    work: Callable[[psycopg.Connection[Any]], NoReturn], fresh_database: str, connect: Connect
) -> None:
    database = Database(fresh_database)
    with (
        pytest.raises(KeyboardInterrupt),
        database.session() as connection,
        database.job_run(connection, "remind"),
    ):
        work(connection)
    assert one(connect(fresh_database), "select outcome from public.job_runs") == "FAILURE"


# --- many at once -----------------------------------------------------------------------------------------


def test_eight_workers_on_ten_thousand_due_leads_queue_each_reminder_once(
    fresh_database: str, connect: Connect
) -> None:
    connection = connect(fresh_database)
    register(connection, 10_000)
    processes = [start(fresh_database, "remind", "--limit", "100", "--json") for _ in range(8)]
    ends = [(process.communicate(timeout=300), process.returncode) for process in processes]
    assert [(code, error) for (_, error), code in ends] == [(0, "")] * 8
    told = [row["lead_id"] for (out, _), _ in ends for row in json.loads(out)["reminders"]]
    assert len(told) == len(set(told)) == 10_000
    assert sum(json.loads(out)["count"] > 0 for (out, _), _ in ends) > 1, "only one of them worked"
    reminded = "select count(*) from public.outbox where event_type = 'lead.protection.reminder'"
    assert one(connection, "select count(distinct lead_id) from public.lead_reminders") == 10_000
    assert (
        one(connection, "select count(*) from public.lead_reminders") == one(connection, reminded) == 10_000
    )
    runs = connection.execute(
        "select outcome, (detail ->> 'handled')::integer from public.job_runs"
    ).fetchall()
    assert {outcome for outcome, _ in runs} == {"SUCCESS"}
    assert sum(handled for _, handled in runs) == 10_000


def test_passes_of_every_kind_at_once_do_everything_once(
    fresh_database: str, connect: Connect, tmp_path: Path
) -> None:
    """What happens when cron starts the next pass before the last one has ended."""
    connection = connect(fresh_database)
    register(connection, 300)
    register(connection, 300, "7 months")
    targets = [tmp_path / f"{number}.jsonl" for number in range(3)]
    processes = [
        start(fresh_database, *arguments)
        for target in targets
        for arguments in (
            ["remind", "--limit", "50"],
            ["expire", "--limit", "50"],
            ["publish", "--limit", "50", "--sink", f"file:{target}"],
        )
    ]
    ends = [(process.communicate(timeout=300)[1], process.returncode) for process in processes]
    assert [code for _, code in ends] == [0] * 9, ends
    # Leads that two of them met at were left for the next pass.
    for arguments in (["remind"], ["expire"], ["publish", "--sink", f"file:{targets[0]}"]):
        assert finished(fresh_database, *arguments)[0] == 0
    assert one(connection, "select count(*) from public.lead_reminders") == 300
    ended = "select count(*) from public.lead_protection_periods where ended_at is not null"
    assert one(connection, ended) == 300
    ids = [identity for target in targets for identity in event_ids(target)]
    assert len(ids) == len(set(ids)) == 600 + 300 + 300
    assert one(connection, "select count(*) from public.job_runs where outcome = 'SUCCESS'") == 12


# --- the whole way, with a clock that jumps ---------------------------------------------------------------


class Clock:
    """The time of day as the server and the workers see it: the true one, moved by some days and hours."""

    def __init__(self, directory: Path, library: Path) -> None:
        self._file = directory / "clock"
        self.jump(0)
        self.variables = {
            "LD_PRELOAD": str(library),
            "FAKETIME_TIMESTAMP_FILE": str(self._file),
            "FAKETIME_NO_CACHE": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            "FAKETIME_DONT_RESET": "1",
        }

    def jump(self, days: float) -> None:
        """From now on it is so many days later (or earlier) than it is."""
        new = self._file.with_suffix(".new")
        new.write_text(f"{days * 86400:+.0f}\n")
        new.chmod(0o644)
        new.replace(self._file)


@pytest.fixture
def clock() -> Iterator[Clock]:
    library = libfaketime()
    if library is None:
        assert sys.platform != "linux", "libfaketime is missing (Debian, Ubuntu: apt-get install libfaketime)"
        pytest.skip("there is no libfaketime to preload")
    directory = Path(tempfile.mkdtemp(prefix="clock-", dir="/tmp"))  # the server's user must reach it
    directory.chmod(0o755)
    yield Clock(directory, library)
    shutil.rmtree(directory)


def test_due_queued_published_sent_grace_and_then_activity_or_expiry_while_clocks_jump(
    clock: Clock, tmp_path: Path
) -> None:
    """One daemon lives through 76 days in which the clock of server and daemon is set forth and back."""
    target = tmp_path / "events.jsonl"
    with Cluster(in_memory=True, variables=clock.variables) as cluster:
        url = cluster.create_database("leadguard")
        migrate(url)
        connection = psycopg.connect(url, autocommit=True)
        connection.execute("update public.settings set value = 'any' where name = 'reminder_proof'")
        connection.execute(
            "insert into public.leads (id, user_id, company_name) values (1, 7, 'Rege'), (2, 7, 'Still')"
        )

        def events(lead: int) -> list[str]:
            lines = target.read_text("utf-8").splitlines() if target.exists() else []
            told = [json.loads(line) for line in lines]
            return [event["event_type"] for event in told if event["lead_id"] == lead]

        def state(lead: int) -> str:
            return str(one(connection, "select state from public.v_user_lead_protection where id = %s", lead))

        activated, reminder = "lead.protection.activated", "lead.protection.reminder"
        with Daemon(url, "--sink", f"file:{target}", *QUICK, variables=clock.variables) as daemon:
            eventually(lambda: events(1) == events(2) == [activated], "both are protected")
            clock.jump(59)
            time.sleep(1)  # some passes of each worker
            assert (state(1), state(2)) == ("PROTECTED", "PROTECTED")
            clock.jump(61)
            eventually(lambda: events(1) == events(2) == [activated, reminder], "both are reminded")
            eventually(lambda: state(1) == state(2) == "GRACE", "the ten days run")
            sent = connection.execute(
                "select lead_id, sent_at from public.lead_reminders order by 1"
            ).fetchall()
            assert [row[0] for row in sent] == [1, 2]
            assert all(row[1] for row in sent)
            # The clock is set back, then on again: nobody is reminded twice, and nothing is unsent.
            clock.jump(58)
            eventually(daemon.is_ready, "it works on")
            clock.jump(70.5)
            connection.execute(
                "insert into public.lead_activities (lead_id, user_id, activity_type)"
                " values (1, 7, 'QUALIFIED_CALL')"
            )
            assert state(1) == "PROTECTED"
            clock.jump(72)
            expired = [activated, reminder, "lead.protection.expired"]
            eventually(lambda: events(2) == expired, "the silent one expires")
            eventually(
                lambda: events(1) == [activated, reminder, "lead.protection.reactivated"], "the other not"
            )
            clock.jump(76)
            eventually(daemon.is_ready, "it works on")
            assert daemon.ask("/healthz")[0] == 200
            assert daemon.stop() == 0
            assert daemon.noise == []
        again = connection.execute("select lead_id, sent_at from public.lead_reminders order by 1").fetchall()
        assert again == sent
        row = connection.execute(
            "select p.end_reason, timezone('Europe/Berlin', p.ended_at)"
            "       = timezone('Europe/Berlin', r.sent_at) + interval '10 days'"
            "  from public.lead_protection_periods as p join public.lead_reminders as r using (lead_id)"
            " where p.lead_id = 2"
        ).fetchone()
        connection.close()
    assert row == ("INACTIVITY", True)
