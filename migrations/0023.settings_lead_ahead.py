"""Retention and the delay of the outbox lead ahead: a month without 29 days would purge what is of today.

A setting that mixes signs, entered before, stays until somebody corrects it: the checks are then not valid,
and hold for what is entered from now on.
"""

from typing import Any

import psycopg
from yoyo import step

_DROP = """
    alter table public.settings
        drop constraint if exists settings_outbox_retry_delay_usable,
        drop constraint if exists settings_retention_at_least_a_day
"""
# As db/schema/030_settings.sql has them.
_CHECKS = """
    alter table public.settings
        add constraint settings_outbox_retry_delay_usable
        check (case when name = 'outbox_retry_delay' then internal.is_forward(value::interval) else true end)
        not valid,
        add constraint settings_retention_at_least_a_day
        check (
            case
                when name like '%\\_retention'
                    then internal.is_forward(value::interval) and value::interval >= interval '1 day'
                else true
            end
        )
        not valid
"""
_VALIDATE = """
    do $$
    begin
        alter table public.settings validate constraint settings_outbox_retry_delay_usable,
                                    validate constraint settings_retention_at_least_a_day;
    exception when check_violation then
        null;
    end
    $$
"""
_FORMER = """
    alter table public.settings
        add constraint settings_outbox_retry_delay_usable
        check (case when name = 'outbox_retry_delay' then value::interval > interval '0' else true end),
        add constraint settings_retention_at_least_a_day
        check (case when name like '%\\_retention' then value::interval >= interval '1 day' else true end)
"""


def add(connection: psycopg.Connection[Any]) -> None:
    for change in (_DROP, _CHECKS, _VALIDATE):
        connection.execute(change)


def remove(connection: psycopg.Connection[Any]) -> None:
    connection.execute(_DROP)
    connection.execute(_FORMER)


step(add, remove)
