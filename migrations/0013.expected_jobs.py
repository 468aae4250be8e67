"""The workers that are expected to run; they are from now on, for when they were set up is not known."""

from typing import Any

import psycopg
from yoyo import step

from jobs.paths import SCHEMA

_FILES = ("020_error_codes", "152_expected_jobs")


# What an installation had said of all workers but maintain holds for each of them, where it is a time.
_CARRIED = """
    update public.expected_jobs as j
       set max_silence = make_interval(secs => t.threshold::double precision),
           tolerated_silence = make_interval(secs => coalesce(t.tolerated, t.threshold)::double precision)
      from public.kpi_thresholds as t
     where t.kpi = 'job_last_success' and j.job <> 'maintain'
       and t.threshold > 0 and coalesce(t.tolerated, t.threshold) between t.threshold and 1000000000
"""


def add(connection: psycopg.Connection[Any]) -> None:
    for name in _FILES:
        connection.execute((SCHEMA / f"{name}.sql").read_bytes())
    connection.execute(_CARRIED)
    # Each worker has a silence of its own now.
    connection.execute("delete from public.kpi_thresholds where kpi = 'job_last_success'")


# What the release before goes by: one figure for all, so the longest.
_TARGET = """
    insert into public.kpi_thresholds (kpi, comparison, threshold, tolerated, unit, description)
    select 'job_last_success', '<', extract(epoch from max(j.max_silence)),
           extract(epoch from max(j.tolerated_silence)), 'seconds',
           'A worker has had a success lately; maintain once a day.'
      from public.expected_jobs as j
     where j.job <> 'maintain'
    having count(*) > 0
    on conflict (kpi) do nothing
"""


def remove(connection: psycopg.Connection[Any]) -> None:
    # The views on it go with it; migrate brings them back.
    connection.execute("drop trigger if exists settings_expect_mail on public.settings")
    connection.execute(_TARGET)
    connection.execute("drop table if exists public.expected_jobs cascade")


step(add, remove)
