"""Runbooks and their steps: the tables; migrate fills them after every run.

Their schema file does nothing where the tables exist.
"""

from typing import Any

import psycopg
from yoyo import step

from jobs.paths import SCHEMA


def add(connection: psycopg.Connection[Any]) -> None:
    connection.execute((SCHEMA / "210_runbooks.sql").read_bytes())


def remove(connection: psycopg.Connection[Any]) -> None:
    # The functions that read them stay and are re-created by the next migrate.
    connection.execute("drop table if exists public.runbook_steps, public.runbooks cascade")


step(add, remove)
