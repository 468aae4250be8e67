"""The workers that are expected to run; they are from now on, for when they were set up is not known."""

from typing import Any

import psycopg
from yoyo import step

from jobs.paths import SCHEMA

_FILES = ("020_error_codes", "152_expected_jobs")


def add(connection: psycopg.Connection[Any]) -> None:
    for name in _FILES:
        connection.execute((SCHEMA / f"{name}.sql").read_bytes())
    # Each worker has a silence of its own now.
    connection.execute("delete from public.kpi_thresholds where kpi = 'job_last_success'")


# What the release before goes by.
_TARGET = """
    insert into public.kpi_thresholds (kpi, comparison, threshold, tolerated, unit, description) values
    ('job_last_success', '<', 900, 3600, 'seconds', 'A worker has had a success lately; maintain once a day.')
    on conflict (kpi) do nothing
"""


def remove(connection: psycopg.Connection[Any]) -> None:
    # The views on it go with it; migrate brings them back.
    connection.execute("drop trigger if exists settings_expect_mail on public.settings")
    connection.execute("drop table if exists public.expected_jobs cascade")
    connection.execute(_TARGET)


step(add, remove)
