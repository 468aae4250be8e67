"""The terms of a policy lead ahead from any moment.

A version of a policy is neither changed nor deleted, so one that mixes signs, entered before, stays: the
check is then not valid, and holds for what is entered from now on.
"""

from typing import Any

import psycopg
from yoyo import step

from jobs.paths import SCHEMA

# As db/schema/040_protection_policies.sql has it.
_DROP_CHECK = (
    "alter table public.protection_policies drop constraint if exists protection_policies_terms_lead_ahead"
)
_CHECK = """
    alter table public.protection_policies add constraint protection_policies_terms_lead_ahead
    check (
        internal.is_forward(base_term) and internal.is_forward(activity_interval)
        and internal.is_forward(grace_period) and internal.is_forward(max_hold)
    ) not valid
"""
_VALIDATE = """
    do $$
    begin
        alter table public.protection_policies
        validate constraint protection_policies_terms_lead_ahead;
    exception when check_violation then
        null;
    end
    $$
"""


def add(connection: psycopg.Connection[Any]) -> None:
    connection.execute((SCHEMA / "016_is_forward.sql").read_bytes())
    connection.execute(_DROP_CHECK)
    connection.execute(_CHECK)
    connection.execute(_VALIDATE)


def remove(connection: psycopg.Connection[Any]) -> None:
    connection.execute(_DROP_CHECK)
    connection.execute("drop function if exists internal.is_forward(interval)")


step(add, remove)
