"""What is to be done around a season, and by when; `leadguard maintain` makes the calendars."""

from typing import Any

import psycopg
from yoyo import step

from jobs.paths import SCHEMA

_FILES = ("020_error_codes", "197_season_milestones", "200_figures")


def add(connection: psycopg.Connection[Any]) -> None:
    for name in _FILES:
        connection.execute((SCHEMA / f"{name}.sql").read_bytes())


def remove(connection: psycopg.Connection[Any]) -> None:
    connection.execute("delete from public.kpi_thresholds where kpi = 'milestones_overdue'")
    connection.execute("drop table if exists public.season_milestones")
    connection.execute("drop table if exists public.season_milestone_templates")


step(add, remove)
