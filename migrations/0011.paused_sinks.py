"""The sinks that asked to be left alone for a while."""

from typing import Any

import psycopg
from yoyo import step

from jobs.paths import SCHEMA


def add(connection: psycopg.Connection[Any]) -> None:
    connection.execute((SCHEMA / "166_paused_sinks.sql").read_bytes())


def remove(connection: psycopg.Connection[Any]) -> None:
    connection.execute("drop table if exists public.paused_sinks cascade")


step(add, remove)
