"""`leadguard maintain`: what is too old goes, nobody waits for it, and twice is once."""

from __future__ import annotations

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

import psycopg
import pytest

from tests.shell import run as leadguard

Connect = Callable[..., psycopg.Connection[Any]]

OLD = """
    -- Those of these months, which migrating has made.
    do $$
    declare
        v_name text;
    begin
        for v_name in select relname from pg_class where relname ~ '^outbox_archive_[0-9]{6}$' loop
            execute format('drop table internal.%I', v_name);
        end loop;
    end
    $$;
    create table internal.outbox_archive_202001 partition of public.outbox_archive
    for values from ('2020-01-01 00:00+00') to ('2020-02-01 00:00+00');
    insert into public.outbox_archive (id, event_id, event_type, payload, created_at, published_at)
    values (1, gen_random_uuid(), 'x', '{}', now(), '2020-01-15 00:00+00');
    insert into internal.inbox (event_id, event_type, received_at)
    select gen_random_uuid(), 'lead.created', now() - make_interval(days => 80 + n)
      from generate_series(1, 20) as n;
    insert into public.inbox_dead_letters (source, payload, reason, last_at)
    select 'a queue', convert_to(n::text, 'UTF8'), 'no event', now() - make_interval(days => 362 + n)
      from generate_series(1, 5) as n;
    update public.inbox_dead_letters set last_at = last_at - interval '12 hours';
    insert into public.cost_budget_breaches (
        time_window, window_started_at, window_ended_at, cost_eur, new_leads, cost_per_lead_eur, budget_eur
    )
    select '24h', e.ended_at - interval '24 hours', e.ended_at, 100, 1, 100, 25
      from generate_series(1, 4) as n
     cross join lateral (select now() - make_interval(days => 362 + n, hours => 12) as ended_at) as e;
    insert into public.job_runs (job, started_at, finished_at, outcome)
    select 'remind', now() - interval '1 year', now() - interval '1 year', 'SUCCESS'
      from generate_series(1, 12000);
    insert into public.mail_messages (user_id, recipient, locale, message_id, state, created_at, sent_at)
    select 7, 'ada@example.org', 'de', n || '@example.org', 'SENT', now() - days, now() - days
      from generate_series(1, 5) as n
     cross join lateral make_interval(days => 87 + n, hours => 12) as days;
"""


def seasons_at_work(today: date) -> int:
    """Those that run or are to be reviewed: they are planned beside the next turn of each."""
    turns = [
        turn
        for year in (today.year - 1, today.year)
        for turn in (
            (date(year, 4, 1), date(year, 7, 7)),
            (date(year, 9, 1), date(year, 10, 7)),
            (date(year, 11, 1), date(year + 1, 1, 7)),
        )
    ]
    return sum(first <= today <= last for first, last in turns)


EXPECTED = {
    "partitions_made": 4,
    "partitions_dropped": ["outbox_archive_202001"],
    "partitions_busy": [],
    "inbox_ids_purged": 10,
    "inbox_dead_letters_purged": 3,
    "budget_breaches_purged": 2,
    "job_runs_purged": 11_999,
    "mail_purged": 3,
    "milestones_planned": 12 * (3 + seasons_at_work(datetime.now(ZoneInfo("Europe/Berlin")).date())),
}


@pytest.fixture
def old(fresh_database: str, connect: Connect) -> psycopg.Connection[Any]:
    connection = connect(fresh_database)
    connection.execute(OLD)
    # Away from the boundary, whatever the hour and the summer time.
    connection.execute("update internal.inbox set received_at = received_at + interval '6 hours'")
    return connection


def run(url: str, *arguments: str) -> dict[str, Any]:
    code, out, error = leadguard("maintain", "--json", *arguments, url=url)
    assert code == 0, error
    result = json.loads(out)
    assert isinstance(result, dict)
    return result


def test_a_pass_does_what_its_dry_run_said_and_a_second_nothing(
    old: psycopg.Connection[Any], fresh_database: str
) -> None:
    before = old.execute("select count(*) from public.job_runs").fetchone()
    assert run(fresh_database, "--dry-run") == {**EXPECTED, "dry_run": True}
    assert old.execute("select count(*) from public.job_runs").fetchone() == before
    assert run(fresh_database) == {**EXPECTED, "dry_run": False}
    assert run(fresh_database)["partitions_dropped"] == []
    rows = old.execute("select outcome, detail from public.job_runs where job = 'maintain' order by id")
    assert [(row[0], row[1]["job_runs_purged"]) for row in rows] == [("SUCCESS", 11_999), ("SUCCESS", 0)]


def test_two_passes_at_once_do_it_once(old: psycopg.Connection[Any], fresh_database: str) -> None:
    with ThreadPoolExecutor(2) as threads:
        results = list(threads.map(lambda _: run(fresh_database), range(2)))
    for name in ("inbox_ids_purged", "job_runs_purged"):
        assert sum(result[name] for result in results) == EXPECTED[name]
    assert old.execute("select count(*) from internal.inbox").fetchone() == (10,)
    assert old.execute("select to_regclass('internal.outbox_archive_202001')").fetchone() == (None,)


def test_a_reader_of_the_archive_is_not_disturbed_and_holds_nothing_up(
    old: psycopg.Connection[Any], fresh_database: str, connect: Connect
) -> None:
    reader = connect(fresh_database, autocommit=False)
    assert reader.execute("select count(*) from public.outbox_archive").fetchone() == (1,)
    result = run(fresh_database)
    assert (result["partitions_made"], result["partitions_busy"]) == (0, ["outbox_archive_202001"])
    assert result["inbox_ids_purged"] == 10  # the rest is done all the same
    assert reader.execute("select count(*) from public.outbox_archive").fetchone() == (1,)
    reader.commit()
    result = run(fresh_database)
    assert (result["partitions_made"], result["partitions_dropped"]) == (4, ["outbox_archive_202001"])
