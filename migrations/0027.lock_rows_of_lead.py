"""What locks a lead's rows before it is deleted is named for that: they are more than requests by now.

The trigger follows the name. In a new database there is nothing to rename: migrate makes the function.
"""

from typing import Any

import psycopg
from yoyo import step


def _rename(connection: psycopg.Connection[Any], former: str, name: str) -> None:
    row = connection.execute("select to_regprocedure(%s)", [f"internal.{former}()"]).fetchone()
    if row is not None and row[0] is not None:
        connection.execute(f"alter function internal.{former}() rename to {name}")


def add(connection: psycopg.Connection[Any]) -> None:
    _rename(connection, "hold_requests", "lock_rows_of_lead")


def remove(connection: psycopg.Connection[Any]) -> None:
    _rename(connection, "lock_rows_of_lead", "hold_requests")


step(add, remove)
