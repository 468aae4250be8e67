"""Holds are followed a statement at a time.

Migrate makes the triggers. Back in the release before, where one row trigger follows deleted holds as well,
the one that is new would tell their release a second time.
"""

from typing import Any

import psycopg
from yoyo import step


def add(_connection: psycopg.Connection[Any]) -> None:
    pass


def remove(connection: psycopg.Connection[Any]) -> None:
    connection.execute("drop trigger if exists lead_holds_follow_delete on public.lead_holds")


step(add, remove)
