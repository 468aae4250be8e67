"""Samples, catering, cost and seasons.

Their schema files do nothing where the tables exist; two checks on settings are younger than that table.
No release has been without the index on leads, so no large table waits for it here without CONCURRENTLY.
"""

from typing import Any

import psycopg
from psycopg import sql
from yoyo import step

from jobs.paths import SCHEMA

_FILES = (
    "020_error_codes",
    "070_leads",
    "190_sample_requests",
    "192_event_catering_requests",
    "194_cost_entries",
    "196_seasons",
)
_TABLES = (
    "cost_budget_breaches",
    "cost_entries",
    "event_catering_requests",
    "sample_requests",
    "seasons",
)
# As db/schema/030_settings.sql has them.
_CHECKS = """
    alter table public.settings drop constraint if exists settings_catering_sla_usable;
    alter table public.settings add constraint settings_catering_sla_usable check (
        case
            when name = 'catering_sla' then value::interval between interval '1 second' and interval '1 year'
            else true
        end
    );
    alter table public.settings drop constraint if exists settings_amounts_usable;
    alter table public.settings add constraint settings_amounts_usable check (
        name not in ('cost_per_lead_budget', 'instance_eur_per_hour', 'worker_eur_per_hour')
        or value ~ '^[0-9]{1,9}([.][0-9]{1,4})?$'
    )
"""


def add(connection: psycopg.Connection[Any]) -> None:
    for name in (*_FILES, "030_settings"):
        connection.execute((SCHEMA / f"{name}.sql").read_bytes())
    connection.execute(_CHECKS)


def remove(connection: psycopg.Connection[Any]) -> None:
    # The functions that return their rows go with them; migrate brings them back.
    for name in _TABLES:
        connection.execute(sql.SQL("drop table if exists {} cascade").format(sql.Identifier("public", name)))
    connection.execute("drop index if exists public.leads_by_created_at")
    connection.execute(
        "alter table public.settings drop constraint if exists settings_catering_sla_usable,"
        " drop constraint if exists settings_amounts_usable"
    )


step(add, remove)
