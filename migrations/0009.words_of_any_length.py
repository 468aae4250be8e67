"""Product types, occasions and sources may be of any length: no writer is refused for a long word."""

from typing import Any

import psycopg
from yoyo import step

# As db/schema has them.
_CHECKS = """
    alter table public.sample_requests
        drop constraint if exists sample_requests_product_type_usable,
        drop constraint if exists sample_requests_urgency_usable,
        drop constraint if exists sample_requests_product_type_not_blank,
        drop constraint if exists sample_requests_urgency_not_blank,
        add constraint sample_requests_product_type_not_blank check (not internal.is_blank(product_type)),
        add constraint sample_requests_urgency_not_blank check (not internal.is_blank(urgency));
    alter table public.event_catering_requests
        drop constraint if exists event_catering_requests_event_type_usable,
        drop constraint if exists event_catering_requests_capacity_tier_usable,
        drop constraint if exists event_catering_requests_event_type_not_blank,
        drop constraint if exists event_catering_requests_capacity_tier_not_blank,
        add constraint event_catering_requests_event_type_not_blank
        check (not internal.is_blank(event_type)),
        add constraint event_catering_requests_capacity_tier_not_blank
        check (not internal.is_blank(capacity_tier));
    alter table public.cost_entries
        drop constraint if exists cost_entries_source_bounded,
        drop constraint if exists cost_entries_team_usable,
        drop constraint if exists cost_entries_team_not_blank,
        add constraint cost_entries_team_not_blank check (team is null or not internal.is_blank(team))
"""


def widen(connection: psycopg.Connection[Any]) -> None:
    connection.execute(_CHECKS)


def keep(connection: psycopg.Connection[Any]) -> None:
    """The narrower checks do not come back: what has been entered since might break them."""


step(widen, keep)
