"""The months of a season are checked in words that a dump keeps: restored, the shape is as it was migrated.

The table has a handful of rows.
"""

from typing import Any

import psycopg
from yoyo import step

# As db/schema/196_seasons.sql has it.
_CHECK = """
    alter table public.seasons
        drop constraint if exists seasons_months_in_year,
        add constraint seasons_months_in_year
        check (first_month >= 1 and first_month <= 12 and last_month >= 1 and last_month <= 12)
"""


def reword(connection: psycopg.Connection[Any]) -> None:
    connection.execute(_CHECK)


def keep(connection: psycopg.Connection[Any]) -> None:
    """The former words meant the same."""


step(reword, keep)
