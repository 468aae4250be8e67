"""Reads and writes of one database, each beside the same on the bare tables."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence

from bench.load import LEADS_PER_USER
from bench.measure import Prepared, Query, Result, Run, Seconds, Statement, cost, in_turns, speed
from jobs.database import Connection

BLOCK = 200  # single-row operations in a round
BULK = 100_000

# What is measured, and shown with its plan; {schema} is public or bare.
READS = {
    "lead": "select * from {relation} where id = $1",
    "user": "select * from {relation} where user_id = $1",
}
RELATIONS = {"view": "public.v_user_lead_protection", "bare": "bare.protection"}

_INSERT_LEAD = """
    insert into {schema}.leads (user_id, company_name, city, contact_name, contact_email, contact_phone)
    values ($1, 'Hotel Zur Post', 'Potsdam', 'Kim Muster', 'kim@example.org', '+49 331 0000000')
"""
_INSERT_ACTIVITY = """
    insert into {schema}.lead_activities (lead_id, user_id, activity_type, summary)
    values ($1, $2, 'QUALIFIED_CALL', 'Spoke about the autumn menu')
"""
_INSERT_ACTIVITIES = """
    insert into {schema}.lead_activities (lead_id, user_id, activity_type, occurred_at, summary)
    select r.lead_id, r.user_id, 'QUALIFIED_CALL', now(), 'Spoke about the autumn menu'
      from bench.running as r
     where r.place >= $1::bigint and r.place < $2::bigint
"""

# Leads whose protection runs, shuffled: the ones that get activities.
_RUNNING = """
    create unlogged table bench.running as
    select row_number() over (order by hashint8extended(v.id, 7)) - 1 as place, v.id as lead_id, v.user_id
      from public.v_user_lead_protection as v
     where v.state in ('PROTECTED', 'REMINDER_DUE', 'GRACE')
"""


# The bounds are an application's; the same without the driver's work is shown beside them.
_Prepare = Callable[[Connection, str], Prepared]
_WAYS: tuple[tuple[_Prepare, str], ...] = ((Query, ""), (Statement, ", below the driver"))


def measure_reads(connection: Connection, leads: int, seconds: float) -> list[Result]:
    """A lead by its id; a user's leads."""
    users = leads // LEADS_PER_USER

    def read(prepare: _Prepare, what: str, whose: str, count: int, highest: int) -> Run:
        query = prepare(connection, READS[what].format(relation=RELATIONS[whose]))

        def run(number: int) -> Seconds:
            chance = random.Random(number)
            return query.run_all([[chance.randint(1, highest)] for _ in range(count)])

        return run

    results = []
    for prepare, way in _WAYS:
        pairs = in_turns(
            read(prepare, "lead", "view", BLOCK, leads), read(prepare, "lead", "bare", BLOCK, leads), seconds
        )
        results.append(speed(f"lead by id through the view{way}", pairs, _bound(0.90, way), BLOCK))
    for prepare, way in _WAYS:
        pairs = in_turns(
            read(prepare, "user", "view", 10, users), read(prepare, "user", "bare", 10, users), seconds
        )
        name = f"a user's {LEADS_PER_USER} leads through the view{way}"
        results.append(cost(name, pairs, _bound(2.0, way), 10))
    return results


def measure_writes(connection: Connection, leads: int, seconds: float) -> list[Result]:
    """A lead, an activity, each committed; many activities in one statement."""
    connection.execute(_RUNNING)
    connection.execute("alter table bench.running add primary key (place)")
    connection.execute("analyze bench.running")
    row = connection.execute("select count(*) as running from bench.running").fetchone()
    assert row is not None
    running = row["running"]
    bulk = min(BULK, running)
    users = leads // LEADS_PER_USER

    def insert_leads(prepare: _Prepare, schema: str) -> Run:
        insert = prepare(connection, _INSERT_LEAD.format(schema=schema))

        def run(number: int) -> Seconds:
            chance = random.Random(number)
            return insert.run_all([[chance.randint(1, users)] for _ in range(BLOCK)])

        return run

    # From the end of the shuffled leads, below the driver from their middle; the bulk takes them from the
    # beginning.
    def insert_activity(prepare: _Prepare, schema: str) -> Run:
        insert = prepare(connection, _INSERT_ACTIVITY.format(schema=schema))
        rounds = running // BLOCK
        skipped = rounds // 2 if prepare is Statement else 0

        def run(number: int) -> Seconds:
            last = running - (number + skipped) % rounds * BLOCK
            return insert.run_all(_places(connection, last - BLOCK, last))

        return run

    def insert_activities(schema: str) -> Run:
        insert = Statement(connection, _INSERT_ACTIVITIES.format(schema=schema))

        def run(number: int) -> Seconds:
            first = number % (running // bulk) * bulk
            return insert.run_all([[first, first + bulk]])

        return run

    results = []
    for prepare, way in _WAYS:
        pairs = in_turns(insert_leads(prepare, "public"), insert_leads(prepare, "bare"), seconds)
        results.append(speed(f"insert a lead with its event{way}", pairs, _bound(0.60, way), BLOCK))
    for prepare, way in _WAYS:
        pairs = in_turns(insert_activity(prepare, "public"), insert_activity(prepare, "bare"), seconds)
        results.append(speed(f"insert an activity{way}", pairs, _bound(0.70, way), BLOCK))
    pairs = in_turns(insert_activities("public"), insert_activities("bare"), seconds)
    results.append(speed(f"{bulk:,} activities in one statement", pairs, 0.30, 1))
    return results


def _bound(bound: float, way: str) -> float | None:
    return None if way else bound


def _places(connection: Connection, first: int, last: int) -> list[Sequence[object]]:
    rows = connection.execute(
        "select lead_id, user_id from bench.running where place >= %s and place < %s order by place",
        [first, last],
    ).fetchall()
    return [[row["lead_id"], row["user_id"]] for row in rows]
