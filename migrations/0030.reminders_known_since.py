"""Since when it is known that a reminder falls due has columns of its own: any fact moved it.

Empty they mean what was so before; each row gets its own with the next fact.
"""

from typing import Any

import psycopg
from yoyo import step

from jobs.paths import SCHEMA

_COLUMNS = ("reminder_known_at", "base_known_at")


def add(connection: psycopg.Connection[Any]) -> None:
    for column in _COLUMNS:
        connection.execute(f"alter table internal.lead_clocks add column if not exists {column} timestamptz")
    connection.execute((SCHEMA / "130_lead_clocks.sql").read_bytes())


def remove(connection: psycopg.Connection[Any]) -> None:
    connection.execute(
        "drop function if exists internal.could_be_sent_since(internal.lead_clocks, text, timestamptz)"
    )
    for column in _COLUMNS:
        connection.execute(f"alter table internal.lead_clocks drop column if exists {column}")


step(add, remove)
