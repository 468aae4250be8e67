"""What rehearsals of a peak have shown, and who has practised what."""

from typing import Any

import psycopg
from yoyo import step

from jobs.paths import SCHEMA

_FILES = ("220_rehearsals", "222_drill_results")


def add(connection: psycopg.Connection[Any]) -> None:
    for name in _FILES:
        connection.execute((SCHEMA / f"{name}.sql").read_bytes())


def remove(connection: psycopg.Connection[Any]) -> None:
    connection.execute("drop table if exists public.rehearsals, public.drill_results cascade")


step(add, remove)
