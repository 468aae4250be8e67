"""One check on a period instead of two, as a function: a new lead costs a twelfth less.

The table is read once to see that all its rows pass (seconds for a million); writers wait that long.
"""

from typing import Any

import psycopg
from yoyo import step

from jobs.paths import SCHEMA

_FORMER = """
    alter table public.lead_protection_periods
        add constraint lead_protection_periods_start_reason_known
        check (start_reason in ('REGISTERED', 'TRANSFERRED', 'REINSTATED')),
        add constraint lead_protection_periods_end_is_whole check (
            case
                when ended_at is null then end_reason is null and recorded_at is null
                when end_reason in ('INACTIVITY', 'BASE_TERM')
                    then ended_at >= started_at and recorded_at is not null
                else end_reason in ('TRANSFERRED', 'CONVERTED') and ended_at >= started_at
                    and recorded_at is null
            end is true
        )
"""
_ONE = """
    alter table public.lead_protection_periods
        drop constraint if exists lead_protection_periods_is_whole,
        drop constraint if exists lead_protection_periods_start_reason_known,
        drop constraint if exists lead_protection_periods_end_is_whole,
        add constraint lead_protection_periods_is_whole
        check (internal.is_whole_period(start_reason, started_at, ended_at, end_reason, recorded_at))
"""


def replace(connection: psycopg.Connection[Any]) -> None:
    connection.execute((SCHEMA / "017_is_whole_period.sql").read_bytes())
    connection.execute(_ONE)


def restore(connection: psycopg.Connection[Any]) -> None:
    connection.execute(
        "alter table public.lead_protection_periods"
        " drop constraint if exists lead_protection_periods_is_whole"
    )
    connection.execute(_FORMER)


step(replace, restore)
