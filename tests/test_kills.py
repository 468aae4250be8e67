"""Workers die by `kill -9` at random moments, under writers: nothing is lost, no reminder is doubled.

LEADGUARD_KILLS sets how many die (`./run test --nightly`: more). The same harness must catch a publisher that
is broken on purpose: one that has its events acknowledged before it has written them.
"""

from __future__ import annotations

import json
import os
import random
import signal
import time
from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from typing import Any
from unittest import mock

import psycopg
import pytest

from jobs.sinks import Sink, open_sink
from tests.daemon import eventually
from tests.forked import CONTEXT
from tests.kills import Hasty, Slow, Writer

KILLS = int(os.environ.get("LEADGUARD_KILLS", "100"))
AT_ONCE = 2
WORKERS = ("remind", "expire", "publish", "run")
WRITERS = 2


def victim(arguments: list[str], is_hasty: bool) -> None:
    """The command line, in a process of its own that may die at any moment."""
    from jobs import cli, publish, run

    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.dup2(nowhere, 2)

    def opened(*given: Any) -> Sink:
        sink = open_sink(*given)
        return Hasty(sink) if is_hasty else Slow(sink)

    for module in (publish, run):
        mock.patch.object(module, "open_sink", opened).start()
    cli.cli.main(arguments, prog_name="leadguard", standalone_mode=False)


@dataclass
class Outcome:
    """What the harness has seen."""

    killed: Counter[str] = field(default_factory=Counter)
    events: int = 0
    reminders: int = 0
    repeated: int = 0
    lost: int = 0
    phantom: int = 0
    out_of_order: int = 0
    doubled: int = 0
    sent_twice: int = 0

    @property
    def kills(self) -> int:
        return self.killed.total()


def worker(target: Path, chance: random.Random) -> list[str]:
    """One of the workers, with batches so small that it is always in the middle of something."""
    limit = ["--limit", str(chance.choice([1, 5, 25]))]
    sink = ["--sink", f"file:{target}"]
    often = [part for name in ("remind", "expire", "publish") for part in (f"--{name}-every", "0.1")]
    each = [["remind"], ["expire"], ["publish", *sink], ["publish", *sink], ["run", *sink, *often]]
    return [*chance.choice(each), *limit]


def kill_at_random(
    url: str, connection: psycopg.Connection[Any], target: Path, kills: int, is_hasty: bool, seed: int
) -> Outcome:
    """Starts workers and kills them until so many have died; then lets them finish, and counts."""
    chance = random.Random(seed)
    outcome = Outcome()
    connection.execute("update public.settings set value = 'any' where name = 'reminder_proof'")
    connection.execute(
        """
        create table public.sent_twice (lead_id bigint);
        create function public.note_sent_twice() returns trigger language plpgsql security definer
        as 'begin insert into public.sent_twice values (old.lead_id); return null; end';
        create trigger note_sent_twice after update on public.lead_reminders
            for each row when (old.sent_at is not null and new.sent_at is distinct from old.sent_at)
            execute function public.note_sent_twice();
        """
    )
    writers = [Writer(url, seed + number) for number in range(WRITERS)]
    for writer in writers:
        writer.start()
    try:
        deadline = time.monotonic() + 30 + kills
        # A pass may be over before its end comes: until each kind has had its victims.
        while outcome.kills < kills or min(outcome.killed[name] for name in WORKERS) < 1 + kills // 50:
            assert time.monotonic() < deadline, f"only {outcome.kills} could be killed"
            for writer in writers:
                writer.want(15 * AT_ONCE)
            victims = [_start(url, worker(target, chance), is_hasty) for _ in range(AT_ONCE)]
            for process in sorted(victims, key=lambda each: each.name in ("publish", "run")):
                if process.name in ("publish", "run") and chance.random() < 0.5:
                    _await_growth(target)  # in the middle of publishing, however slow the machine is
                    time.sleep(chance.uniform(0, 0.02))
                elif process.name in ("remind", "expire"):
                    time.sleep(chance.uniform(0, 0.05))  # a pass takes no longer
                else:
                    time.sleep(chance.uniform(0.02, 0.3))
                process.kill()
                process.join()
                outcome.killed[process.name] += process.exitcode == -signal.SIGKILL
            # A minute passes: whoever comes next may take over.
            connection.execute("update internal.outbox_leases set leased_until = '-infinity'")
    finally:
        for writer in writers:
            writer.end()
    _finish(url, connection, target)
    _count(connection, target, outcome)
    return outcome


def _await_growth(target: Path) -> None:
    """Waits until somebody publishes, two seconds at most."""
    before = target.stat().st_size if target.exists() else 0
    deadline = time.monotonic() + 2
    while time.monotonic() < deadline and (target.stat().st_size if target.exists() else 0) == before:
        time.sleep(0.002)


def _start(url: str, arguments: list[str], is_hasty: bool = False) -> ForkServerProcess:
    process = CONTEXT.Process(
        target=victim, name=arguments[0], args=(["--database-url", url, *arguments], is_hasty), daemon=True
    )
    process.start()
    return process


def _finish(url: str, connection: psycopg.Connection[Any], target: Path) -> None:
    """What the dead have left is done by workers who live."""
    others = (
        "select count(*) from pg_stat_activity"
        " where datname = current_database() and application_name like 'leadguard %'"
    )
    eventually(lambda: connection.execute(others).fetchone() == (0,), "the server has noticed their deaths")
    connection.execute("update internal.outbox_leases set leased_until = '-infinity'")
    for command in (["remind"], ["expire"], ["publish", "--sink", f"file:{target}"]):
        process = _start(url, command)
        process.join(120)
        assert process.exitcode == 0, command
    assert connection.execute("select count(*) from public.outbox").fetchone() == (0,)


def _count(connection: psycopg.Connection[Any], target: Path, outcome: Outcome) -> None:
    delivered = [json.loads(line) for line in target.read_text("utf-8").splitlines()]
    archived = {
        str(identity): number
        for identity, number in connection.execute("select event_id, id from public.outbox_archive")
    }
    first = {event["event_id"]: event for event in delivered[::-1]}  # each event's first delivery is kept
    outcome.events = len(archived)
    outcome.repeated = len(delivered) - len(first)
    outcome.lost = len(archived.keys() - first.keys())
    outcome.phantom = len(first.keys() - archived.keys())

    seen: set[str] = set()
    newest: dict[int, int] = defaultdict(int)
    windows: dict[tuple[Any, ...], int] = defaultdict(int)
    for event in delivered:
        if event["event_id"] in seen or event["event_id"] not in archived:
            continue
        seen.add(event["event_id"])
        number = archived[event["event_id"]]
        outcome.out_of_order += number < newest[event["lead_id"]]
        newest[event["lead_id"]] = number
        if event["event_type"] == "lead.protection.reminder":
            told = event["metadata"]
            windows[event["lead_id"], event["user_id"], told["reminderType"], told["windowStart"]] += 1
    outcome.reminders = len(windows)
    outcome.doubled = sum(count - 1 for count in windows.values())
    row = connection.execute("select count(*) from public.sent_twice").fetchone()
    assert row is not None
    outcome.sent_twice = row[0]


@pytest.fixture
def seed() -> int:
    """Another one each time; it stands in the report of a failure."""
    return random.SystemRandom().randrange(10**6)


def test_killed_workers_lose_nothing_and_double_no_reminder(
    fresh_database: str, connect: Callable[..., psycopg.Connection[Any]], tmp_path: Path, seed: int
) -> None:
    connection = connect(fresh_database)
    outcome = kill_at_random(fresh_database, connection, tmp_path / "events.jsonl", KILLS, False, seed)
    print(outcome)
    assert all(outcome.killed[name] > KILLS / 50 for name in WORKERS)
    assert outcome.events > 10 * KILLS
    assert outcome.reminders > KILLS
    assert outcome.repeated > 0, "nobody was killed between writing and acknowledging"
    faults = (outcome.lost, outcome.phantom, outcome.out_of_order, outcome.doubled, outcome.sent_twice)
    assert faults == (0, 0, 0, 0, 0), outcome
    unsent = (
        "select count(*) from public.lead_reminders as r"
        " join public.outbox_archive as a using (event_id) where r.sent_at is null"
    )
    assert connection.execute(unsent).fetchone() == (0,)


def test_a_publisher_that_is_acknowledged_before_it_writes_is_caught(
    fresh_database: str, connect: Callable[..., psycopg.Connection[Any]], tmp_path: Path, seed: int
) -> None:
    connection = connect(fresh_database)
    outcome = kill_at_random(fresh_database, connection, tmp_path / "events.jsonl", 30, True, seed)
    assert outcome.lost > 0, outcome
