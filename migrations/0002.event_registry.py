"""The registry of events, and the check of the outbox that reads it."""

from typing import Any

import psycopg
from yoyo import step

from jobs.paths import SCHEMA

_FILES = ("020_error_codes", "135_event_types", "136_registered_events")
_TABLES = ("public.event_type_members", "public.event_types", "internal.event_patterns")


def add(connection: psycopg.Connection[Any]) -> None:
    for name in _FILES:
        connection.execute((SCHEMA / f"{name}.sql").read_bytes())


def remove(connection: psycopg.Connection[Any]) -> None:
    # Events are written on without a check, until migrate brings it back.
    connection.execute("drop function if exists internal.check_event() cascade")
    for name in _TABLES:
        connection.execute(f"drop table if exists {name} cascade")


step(add, remove)
