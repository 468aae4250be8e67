"""Reads and writes of one database, each beside the same on the bare tables."""

from __future__ import annotations

import random
from collections.abc import Sequence

from bench.load import LEADS_PER_USER
from bench.measure import Result, Run, Seconds, Statement, cost, in_turns, speed
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


def measure_reads(connection: Connection, leads: int, seconds: float) -> list[Result]:
    """A lead by its id; a user's leads."""
    users = leads // LEADS_PER_USER

    def read(what: str, whose: str, count: int, highest: int) -> Run:
        query = READS[what].format(relation=RELATIONS[whose])
        statement = Statement(connection, query)

        def run(number: int) -> Seconds:
            chance = random.Random(number)
            return statement.run_all([[chance.randint(1, highest)] for _ in range(count)])

        return run

    of_lead = in_turns(read("lead", "view", BLOCK, leads), read("lead", "bare", BLOCK, leads), seconds)
    of_user = in_turns(read("user", "view", 10, users), read("user", "bare", 10, users), seconds)
    return [
        speed("lead by id through the view", of_lead, 0.90, BLOCK),
        cost(f"a user's {LEADS_PER_USER} leads through the view", of_user, 2.0, 10),
    ]


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

    def insert_leads(schema: str) -> Run:
        insert = Statement(connection, _INSERT_LEAD.format(schema=schema))

        def run(number: int) -> Seconds:
            chance = random.Random(number)
            return insert.run_all([[chance.randint(1, users)] for _ in range(BLOCK)])

        return run

    def insert_activity(schema: str) -> Run:
        insert = Statement(connection, _INSERT_ACTIVITY.format(schema=schema))

        # From the end of the shuffled leads; the bulk takes them from the beginning.
        def run(number: int) -> Seconds:
            last = running - number % (running // BLOCK) * BLOCK
            return insert.run_all(_places(connection, last - BLOCK, last))

        return run

    def insert_activities(schema: str) -> Run:
        insert = Statement(connection, _INSERT_ACTIVITIES.format(schema=schema))

        def run(number: int) -> Seconds:
            first = number % (running // bulk) * bulk
            return insert.run_all([[first, first + bulk]])

        return run

    of_lead = in_turns(insert_leads("public"), insert_leads("bare"), seconds)
    of_activity = in_turns(insert_activity("public"), insert_activity("bare"), seconds)
    of_bulk = in_turns(insert_activities("public"), insert_activities("bare"), seconds)
    return [
        speed("insert a lead with its event", of_lead, 0.60, BLOCK),
        speed("insert an activity", of_activity, 0.70, BLOCK),
        speed(f"{bulk:,} activities in one statement", of_bulk, 0.30, 1),
    ]


def _places(connection: Connection, first: int, last: int) -> list[Sequence[object]]:
    rows = connection.execute(
        "select lead_id, user_id from bench.running where place >= %s and place < %s order by place",
        [first, last],
    ).fetchall()
    return [[row["lead_id"], row["user_id"]] for row in rows]
