"""A replayed event that is discarded goes back into the archive: the moment of its publishing is kept."""

from typing import Any

import psycopg
from yoyo import step

from jobs.paths import SCHEMA

_TABLES = {"outbox": "140_outbox", "outbox_dead_letters": "145_outbox_dead_letters"}


def add(connection: psycopg.Connection[Any]) -> None:
    for table, name in _TABLES.items():
        connection.execute(f"alter table public.{table} add column if not exists published_at timestamptz")
        connection.execute((SCHEMA / f"{name}.sql").read_bytes())


def remove(connection: psycopg.Connection[Any]) -> None:
    for table in _TABLES:
        connection.execute(f"alter table public.{table} drop column if exists published_at")


step(add, remove)
