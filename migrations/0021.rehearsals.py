"""What rehearsals of a peak have shown."""

from typing import Any

import psycopg
from yoyo import step

from jobs.paths import SCHEMA


def add(connection: psycopg.Connection[Any]) -> None:
    connection.execute((SCHEMA / "220_rehearsals.sql").read_bytes())


def remove(connection: psycopg.Connection[Any]) -> None:
    connection.execute("drop table if exists public.rehearsals cascade")


step(add, remove)
