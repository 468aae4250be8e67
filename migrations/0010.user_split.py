"""The states of leads by user, for an installation that asks for it."""

from typing import Any

import psycopg
from yoyo import step

from jobs.paths import SCHEMA

# As db/schema/030_settings.sql has it.
_DROP_CHECK = "alter table public.settings drop constraint if exists settings_user_series_limit_usable"
_CHECK = """
    alter table public.settings add constraint settings_user_series_limit_usable
    check (name <> 'user_series_limit' or value ~ '^(0|[1-9][0-9]{0,2})$')
"""


def add(connection: psycopg.Connection[Any]) -> None:
    connection.execute((SCHEMA / "030_settings.sql").read_bytes())
    connection.execute(_DROP_CHECK)
    connection.execute(_CHECK)


def remove(connection: psycopg.Connection[Any]) -> None:
    connection.execute(_DROP_CHECK)
    connection.execute("delete from public.settings where name = 'user_series_limit'")


step(add, remove)
