"""The criteria of go-live, who has signed them off, and when go-live was."""

from typing import Any

import psycopg
from yoyo import step

from jobs.paths import SCHEMA

# As db/schema/030_settings.sql has it.
_DROP_CHECK = "alter table public.settings drop constraint if exists settings_go_live_at_usable"
_CHECK = """
    alter table public.settings add constraint settings_go_live_at_usable check (
        case
            when name = 'go_live_at' and value <> '' then
                value ~ '^20[0-9]{2}(-[0-9]{2}){2}[ T][0-9]{2}(:[0-9]{2}){1,2}(Z|[+-][0-9]{2}(:[0-9]{2})?)$'
                and value::timestamptz is not null
            else true
        end
    )
"""
_FILES = ("020_error_codes", "030_settings", "230_go_live")


def add(connection: psycopg.Connection[Any]) -> None:
    for name in _FILES:
        connection.execute((SCHEMA / f"{name}.sql").read_bytes())
    connection.execute(_DROP_CHECK)
    connection.execute(_CHECK)


def remove(connection: psycopg.Connection[Any]) -> None:
    # The view and the functions on them go with them; migrate brings them back.
    connection.execute("drop table if exists public.go_live_sign_offs, public.go_live_questions cascade")
    connection.execute(_DROP_CHECK)
    connection.execute("delete from public.settings where name = 'go_live_at'")


step(add, remove)
