"""Dead letters of the inbox, and the sinks that said they are gone."""

from typing import Any

import psycopg
from yoyo import step

from jobs.paths import SCHEMA

_FILES = ("020_error_codes", "162_inbox_dead_letters", "164_disabled_sinks")


def add(connection: psycopg.Connection[Any]) -> None:
    for name in _FILES:
        connection.execute((SCHEMA / f"{name}.sql").read_bytes())


def remove(connection: psycopg.Connection[Any]) -> None:
    # The views on them go with them; migrate brings them back.
    for table in ("inbox_dead_letters", "disabled_sinks"):
        connection.execute(f"drop table if exists public.{table} cascade")


step(add, remove)
