"""How long dead letters and breaches are kept, and how long the terms of a policy may be.

The two indexes are made in the transaction, without CONCURRENTLY: what is refused and what goes over
budget is little (a second for a million), and only workers write there, who wait.

A version of a policy is neither changed nor deleted, so one with a longer term, entered before, stays: the
check is then not valid, and holds for what is entered from now on.
"""

from typing import Any

import psycopg
from yoyo import step

from jobs.paths import SCHEMA

_FILES = ("030_settings", "162_inbox_dead_letters", "194_cost_entries")
# As db/schema/040_protection_policies.sql has it.
_DROP_CHECK = (
    "alter table public.protection_policies"
    " drop constraint if exists protection_policies_terms_at_most_1000_years"
)
_CHECK = """
    alter table public.protection_policies add constraint protection_policies_terms_at_most_1000_years
    check (greatest(base_term, activity_interval, grace_period, max_hold) <= interval '1000 years') not valid
"""
_VALIDATE = """
    do $$
    begin
        alter table public.protection_policies
        validate constraint protection_policies_terms_at_most_1000_years;
    exception when check_violation then
        null;
    end
    $$
"""


def add(connection: psycopg.Connection[Any]) -> None:
    for name in _FILES:
        connection.execute((SCHEMA / f"{name}.sql").read_bytes())
    connection.execute(_DROP_CHECK)
    connection.execute(_CHECK)
    connection.execute(_VALIDATE)


def remove(connection: psycopg.Connection[Any]) -> None:
    connection.execute(_DROP_CHECK)
    connection.execute("drop index if exists public.inbox_dead_letters_by_last_at")
    connection.execute("drop index if exists public.cost_budget_breaches_by_window_ended_at")
    connection.execute(
        "delete from public.settings"
        " where name in ('inbox_dead_letters_retention', 'budget_breaches_retention')"
    )


step(add, remove)
