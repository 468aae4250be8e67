"""The figures: where they are noted and counted, and their targets.

What happened before is counted once, here, from the tables as they stand. No release has been without the
figures: no large table is counted, or waits for the index on lead_holds without CONCURRENTLY.
"""

from typing import Any

import psycopg
from yoyo import step

from jobs.paths import SCHEMA

_FILES = ("020_error_codes", "030_settings", "100_lead_holds", "200_figures")
# As db/schema/030_settings.sql has it.
_CHECKS = """
    alter table public.settings drop constraint if exists settings_figure_series_limit_usable;
    alter table public.settings add constraint settings_figure_series_limit_usable
    check (name <> 'figure_series_limit' or value ~ '^[1-9][0-9]{0,3}$')
"""
_COLUMN = """
    alter table internal.lead_clocks add column if not exists qualified_activities integer not null default 0;
    comment on column internal.lead_clocks.qualified_activities is
        'Counted here as the row is written anyway; noted in figure_deltas when its lead goes.'
"""
_PAST = """
    insert into internal.figure_deltas (figure, label_1, label_2, amount, seconds)
    select 'lead_qualified_activity_total', '', '', count(*), null::double precision
      from public.lead_activities as a
      join public.activity_types as t on t.activity_type = a.activity_type
     where t.is_qualified
    having count(*) > 0
     union all
    select 'lead_reminder_due_total', r.reminder_type, '', count(*), null
      from public.lead_reminders as r
     group by r.reminder_type
     union all
    select 'lead_reminder_sent_total', r.reminder_type, '', count(r.sent_at), null
      from public.lead_reminders as r
     group by r.reminder_type
    having count(r.sent_at) > 0
     union all
    select 'lead_reminder_delay_seconds', r.reminder_type, '', 1,
           greatest(extract(epoch from r.sent_at - greatest(r.due_at, r.known_at)), 0)
      from public.lead_reminders as r
     where r.sent_at is not null
     union all
    select 'lead_protection_expired_total', lower(p.end_reason), '', count(*), null
      from public.lead_protection_periods as p
     where p.recorded_at is not null
     group by p.end_reason
     union all
    select 'lead_conversion_success_total', '', '', count(*), null
      from public.leads as l
     where l.converted_at is not null
    having count(*) > 0
     union all
    select 'sample_request_total', s.product_type, s.urgency, count(*), null
      from public.sample_requests as s
     group by s.product_type, s.urgency
     union all
    select case s.status
               when 'DELIVERED' then 'sample_request_success_total'
               when 'LOST' then 'sample_request_lost_total'
               else 'sample_request_failed_total'
           end, s.product_type, s.urgency, count(*), null
      from public.sample_requests as s
     where s.status in ('DELIVERED', 'LOST', 'FAILED')
     group by s.status, s.product_type, s.urgency
     union all
    select 'event_catering_sla_seconds', c.event_type, c.capacity_tier, 1,
           extract(epoch from c.responded_at - c.requested_at)
      from public.event_catering_requests as c
     where c.responded_at is not null
     union all
    select 'event_catering_sla_breaches_total', c.event_type, '', count(*), null
      from public.event_catering_requests as c
     where c.breached_at is not null
     group by c.event_type
     union all
    select 'outbox_published_total', a.event_type, '', count(*), null
      from public.outbox_archive as a
     group by a.event_type
     union all
    select 'job_runs_total', j.job, j.outcome, count(*), null
      from public.job_runs as j
     where j.outcome is not null
     group by j.job, j.outcome
     union all
    select 'job_duration_seconds', j.job, '', 1, greatest(extract(epoch from j.finished_at - j.started_at), 0)
      from public.job_runs as j
     where j.finished_at is not null
"""


def add(connection: psycopg.Connection[Any]) -> None:
    row = connection.execute("select to_regclass('internal.figure_deltas')").fetchone()
    is_new = row is not None and row[0] is None
    for name in _FILES:
        connection.execute((SCHEMA / f"{name}.sql").read_bytes())
    connection.execute(_CHECKS)
    connection.execute(_COLUMN)
    if is_new:
        connection.execute(_PAST)


_TABLES = (
    "internal.figure_deltas",
    "internal.figure_kinds",
    "internal.figure_series",
    "internal.figure_counters",
    "internal.figure_histograms",
    "internal.figure_gauges",
    "internal.figure_snapshot",
    "public.kpi_thresholds",
)
# Writers would miss the table they note in; migrate brings them back.
_TRIGGERS = """
    drop trigger if exists lead_reminders_count on public.lead_reminders;
    drop trigger if exists lead_reminders_count_sent on public.lead_reminders;
    drop trigger if exists sample_requests_count on public.sample_requests;
    drop trigger if exists sample_requests_count_ends on public.sample_requests;
    drop trigger if exists event_catering_requests_count on public.event_catering_requests;
    drop trigger if exists event_catering_requests_count_answers on public.event_catering_requests;
    drop trigger if exists outbox_archive_count on public.outbox_archive;
    drop trigger if exists job_runs_count on public.job_runs;
    drop trigger if exists job_runs_count_finished on public.job_runs
"""


def remove(connection: psycopg.Connection[Any]) -> None:
    connection.execute(_TRIGGERS)
    # The views on them go with them; migrate brings them back.
    for table in _TABLES:
        connection.execute(f"drop table if exists {table} cascade")
    connection.execute("drop index if exists public.lead_holds_by_end")
    connection.execute(
        "alter table public.settings drop constraint if exists settings_figure_series_limit_usable"
    )
    connection.execute("delete from public.settings where name = 'figure_series_limit'")
    connection.execute("alter table internal.lead_clocks drop column if exists qualified_activities cascade")


step(add, remove)
