"""Which workers a person has switched off: those that are off, and would be on as installed."""

from typing import Any

import psycopg
from yoyo import step

from jobs.paths import SCHEMA

# As db/schema/152_expected_jobs.sql has it.
_DROP_CHECK = (
    "alter table public.expected_jobs drop constraint if exists expected_jobs_switched_off_is_not_expected"
)
_COLUMN = "alter table public.expected_jobs add column if not exists switched_off_at timestamptz"
_CHECK = """
    alter table public.expected_jobs add constraint expected_jobs_switched_off_is_not_expected
    check (switched_off_at is null or expected_since is null)
"""
_FILES = ("020_error_codes", "152_expected_jobs")
# Since when is not known.
_OFF = """
    update public.expected_jobs as j
       set switched_off_at = clock_timestamp()
     where j.expected_since is null and j.switched_off_at is null
       and case j.job
               when 'consume' then false
               when 'mail' then exists (
                   select from public.settings as s where s.name = 'mail_from' and s.value <> ''
               )
               else true
           end
"""


def add(connection: psycopg.Connection[Any]) -> None:
    connection.execute(_COLUMN)
    connection.execute(_DROP_CHECK)
    connection.execute(_CHECK)
    for name in _FILES:
        connection.execute((SCHEMA / f"{name}.sql").read_bytes())
    connection.execute(_OFF)


def remove(connection: psycopg.Connection[Any]) -> None:
    connection.execute(_DROP_CHECK)
    connection.execute("alter table public.expected_jobs drop column if exists switched_off_at")


step(add, remove)
