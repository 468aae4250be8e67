"""When a task came into a season's calendar: what was due before is not overdue.

Tasks that are there already are judged by their day alone, as they were.
"""

from typing import Any

import psycopg
from yoyo import step

from jobs.paths import SCHEMA

_COLUMN = "alter table public.season_milestones add column if not exists planned_on date"
# Its signature has grown.
_FORMER_FUNCTION = "drop function if exists public.plan_season(text, integer)"


def add(connection: psycopg.Connection[Any]) -> None:
    connection.execute(_COLUMN)
    # With the comment of the column.
    connection.execute((SCHEMA / "197_season_milestones.sql").read_bytes())
    connection.execute(_FORMER_FUNCTION)


def remove(connection: psycopg.Connection[Any]) -> None:
    connection.execute("alter table public.season_milestones drop column if exists planned_on")
    connection.execute("drop function if exists public.plan_season(text, integer, timestamptz)")


step(add, remove)
