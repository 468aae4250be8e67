"""Reminder mail: its queue, its settings, and the index that finds what is to be mailed.

The schema files do nothing where their objects exist; two checks on settings are younger than that table.
No release has been without the index on lead_reminders, so no large table waits for it here without
CONCURRENTLY.
"""

from typing import Any

import psycopg
from yoyo import step

from jobs.paths import SCHEMA

_FILES = ("020_error_codes", "030_settings", "120_lead_reminders", "122_mail_messages")
# As db/schema/030_settings.sql has them.
_CHECKS = """
    alter table public.settings drop constraint if exists settings_mail_from_usable;
    alter table public.settings add constraint settings_mail_from_usable check (
        name <> 'mail_from' or value = ''
        or value ~ '^([^[:cntrl:]<>@]*<)?[A-Za-z0-9._+-]+@[A-Za-z0-9.-]+[A-Za-z0-9]>?$'
        and (value like '%<%') = (value like '%>')
    );
    alter table public.settings drop constraint if exists settings_mail_lead_url_usable;
    alter table public.settings add constraint settings_mail_lead_url_usable
    check (name <> 'mail_lead_url' or value = '' or value ~ '^https?://[^[:cntrl:][:space:]<>]+$')
"""


def add(connection: psycopg.Connection[Any]) -> None:
    for name in _FILES:
        connection.execute((SCHEMA / f"{name}.sql").read_bytes())
    connection.execute(_CHECKS)


def remove(connection: psycopg.Connection[Any]) -> None:
    # What the mail server was to prove, the sink proves again.
    connection.execute("update public.lead_reminders set channel = 'EVENT' where sent_at is null")
    # The views on them go with them; migrate brings them back.
    for table in ("public.mail_message_reminders", "public.mail_messages", "internal.mail_counts"):
        connection.execute(f"drop table if exists {table} cascade")
    connection.execute("drop index if exists public.lead_reminders_to_be_mailed")
    connection.execute(
        "alter table public.settings drop constraint if exists settings_mail_from_usable,"
        " drop constraint if exists settings_mail_lead_url_usable"
    )
    connection.execute("delete from public.settings where name in ('mail_from', 'mail_lead_url')")


step(add, remove)
