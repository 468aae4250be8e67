"""What a sink refuses: attempts, dead letters, and the place that a replayed event was written at.

The columns are appended as their schema file has them; two checks on settings are younger than that table.
"""

from typing import Any

import psycopg
from yoyo import step

from jobs.paths import SCHEMA

_COLUMNS = """
    alter table public.outbox
        add column if not exists attempts integer not null default 0,
        add column if not exists next_attempt_at timestamptz,
        add column if not exists last_error text,
        add column if not exists original_id bigint,
        -- Younger (0028), but today's schema file speaks of it.
        add column if not exists published_at timestamptz;
    alter table public.outbox_archive add column if not exists original_id bigint;
"""
# As db/schema/030_settings.sql has them.
_CHECKS = """
    alter table public.settings drop constraint if exists settings_outbox_max_attempts_usable;
    alter table public.settings add constraint settings_outbox_max_attempts_usable
        check (name <> 'outbox_max_attempts' or value ~ '^[1-9][0-9]{0,2}$');
    alter table public.settings drop constraint if exists settings_outbox_retry_delay_usable;
    alter table public.settings add constraint settings_outbox_retry_delay_usable
        check (case when name = 'outbox_retry_delay' then value::interval > interval '0' else true end);
"""
_FILES = ("020_error_codes", "030_settings", "140_outbox", "145_outbox_dead_letters")
# Signatures that have grown.
_FUNCTIONS = """
    drop function if exists public.list_outbox_events(
        bigint[], uuid[], text, text, bigint, timestamptz, timestamptz, integer
    );
    drop function if exists public.replay_outbox_events(bigint[], text, bigint, timestamptz, timestamptz);
"""
# A release that knows no dead letters would lose them: they wait in its outbox.
_BACK = """
    insert into public.outbox (event_id, event_type, lead_id, user_id, payload, created_at)
    select d.event_id, d.event_type, d.lead_id, d.user_id, d.payload, d.created_at
      from public.outbox_dead_letters as d
     order by coalesce(d.original_id, d.id);
    drop table if exists public.outbox_dead_letters cascade;
    drop function if exists public.list_outbox_events(
        bigint[], uuid[], text, text, bigint, timestamptz, timestamptz, integer
    );
    drop function if exists public.replay_outbox_events(
        bigint[], text, bigint, timestamptz, timestamptz, text
    );
    drop view if exists public.monitoring_outbox;
    drop view if exists public.metric_outbox_lag_seconds;
    alter table public.outbox
        drop column if exists attempts, drop column if exists next_attempt_at,
        drop column if exists last_error, drop column if exists original_id;
    alter table public.outbox_archive drop column if exists original_id;
    alter table public.settings
        drop constraint if exists settings_outbox_max_attempts_usable,
        drop constraint if exists settings_outbox_retry_delay_usable;
"""


def add(connection: psycopg.Connection[Any]) -> None:
    connection.execute(_COLUMNS)
    connection.execute(_CHECKS)
    for name in _FILES:
        connection.execute((SCHEMA / f"{name}.sql").read_bytes())
    connection.execute(_FUNCTIONS)


def remove(connection: psycopg.Connection[Any]) -> None:
    connection.execute(_BACK)


step(add, remove)
