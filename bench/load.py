"""Fills a fresh database with leads in every state, quickly; checks that triggers would write the same."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from jobs.console import progress
from jobs.database import Connection, Database
from jobs.migrate import migrate

LEADS_PER_USER = 500
DUE = 1_000
CHECKED = 2_000
_CHUNK = 50_000
_SESSIONS = 2

_FACTS = (
    "public.leads",
    "public.lead_protection_periods",
    "public.lead_activities",
    "public.lead_holds",
    "public.lead_reminders",
)
_CLOCKS = ("internal.lead_clocks",)

# Rows come in bulk and are checked afterwards: no triggers, hence no foreign keys, no wait for the disk.
_BULK = """
    set session_replication_role = replica;
    set synchronous_commit = off;
    set maintenance_work_mem = '512MB'
"""

# Those behind a constraint stay: foreign keys ask for some of them.
_INDEXES = """
    select i.indexrelid::regclass::text as name, pg_get_indexdef(i.indexrelid) as definition
      from pg_index as i
     where i.indrelid = any (%s::regclass[])
       and not exists (select from pg_constraint as c where c.conindid = i.indexrelid)
     order by i.indexrelid
"""

Say = Callable[[str], None]


class WrongLoad(Exception):
    """The loaded rows are not what the triggers would have written: nothing measured on them would count."""


@dataclass(frozen=True)
class Book:
    """How much is loaded."""

    leads: int
    activities: int  # per lead
    due: int = DUE  # for each sweep

    @property
    def users(self) -> int:
        return self.leads // LEADS_PER_USER


def load(url: str, book: Book, say: Say) -> None:
    """Migrates the empty database at `url`, fills it and checks a sample."""
    migrate(url)
    database = Database(url)
    with database.session("leadguard bench") as connection:
        connection.execute(Path(__file__).with_name("load.sql").read_bytes())
        connection.execute(
            "insert into bench.plan (leads, users, due, activities, at) values (%s, %s, %s, %s, now())",
            [book.leads, book.users, book.due, book.activities],
        )
        connection.execute(_BULK)
        say(f"{book.leads:,} leads with {book.activities} activities each: facts")
        with without_indexes(connection, _FACTS):
            _in_chunks(database, "bench.load_facts", book.leads)
        connection.execute("analyze")
        say(f"{book.leads:,} leads: clocks")
        with without_indexes(connection, _CLOCKS):
            _in_chunks(database, "bench.load_clocks", book.leads)
        for table in ("leads", "lead_protection_periods"):
            connection.execute(
                "select setval(pg_get_serial_sequence(%s, 'id'), leads) from bench.plan", [f"public.{table}"]
            )
        connection.execute("vacuum analyze")
        connection.execute("set session_replication_role = origin")
        # All reminders but those of the last two days have been queued, by the function that does so.
        connection.execute(
            "select count(*) from bench.plan as p"
            " cross join lateral public.dispatch_due_reminders(1000000000, p.at - interval '2 days')"
        )
        # A drill in the past moves no check: here today's sweep has seen them, too.
        connection.execute(
            "update internal.lead_clocks as c"
            " set next_reminder_check_at = internal.next_reminder_at(c, p, now())"
            " from public.protection_policies as p"
            " where c.has_queued_reminder and p.policy = c.policy and p.version = c.policy_version"
        )
        connection.execute("vacuum analyze")
        say(f"{book.leads:,} leads: checking {CHECKED:,} of them")
        check(connection, random.Random(1).sample(range(1, book.leads + 1), min(CHECKED, book.leads)))


def check(connection: Connection, lead_ids: list[int]) -> None:
    """Compares these leads with the recomputation from their facts."""
    differences = connection.execute(
        "select d.* from unnest(%s::bigint[]) as i (id)"
        " cross join lateral public.verify_lead_protection(i.id) as d",
        [lead_ids],
    ).fetchall()
    if differences:
        raise WrongLoad(f"{len(differences)} differences, the first: {differences[:5]}")


@contextmanager
def without_indexes(connection: Connection, tables: tuple[str, ...]) -> Iterator[None]:
    """Builds the tables' indexes after the block, in one go each."""
    indexes = connection.execute(_INDEXES, [list(tables)]).fetchall()
    for index in indexes:
        connection.execute(f"drop index {index['name']}")
    yield
    for index in indexes:
        connection.execute(index["definition"])


def _in_chunks(database: Database, procedure: str, leads: int) -> None:
    chunks = [(first, first + _CHUNK - 1) for first in range(1, leads + 1, _CHUNK)]
    with progress(procedure, leads) as advance, ThreadPoolExecutor(_SESSIONS) as sessions:

        def work(mine: list[tuple[int, int]]) -> None:
            with database.session("leadguard bench") as connection:
                connection.execute(_BULK)
                for chunk in mine:
                    connection.execute(f"call {procedure}(%s, %s)", chunk)
                    advance(_CHUNK)

        # As a list, so that an error in a session is raised here.
        list(sessions.map(work, [chunks[i::_SESSIONS] for i in range(_SESSIONS)]))
