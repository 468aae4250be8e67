"""A deployment: it lets writers pass, shows nobody what is not ready, and has a backup that was proven."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest

import jobs.paths
from jobs.cluster import Cluster
from jobs.errors import LeadguardError
from jobs.exits import Exit
from jobs.migrate import Patience, is_as_released, migrate
from jobs.readiness import NotReady, faults_of_before
from jobs.restore_check import examined
from tests.daemon import QUICK, Daemon, eventually
from tests.shell import run

Connect = Callable[..., psycopg.Connection[Any]]
Database = psycopg.Connection[Any]


@pytest.fixture
def url(fresh_database: str) -> str:
    return fresh_database


@pytest.fixture
def database(url: str, connect: Connect) -> Database:
    return connect(url)


def one(connection: Database, question: str) -> Any:
    row = connection.execute(question.encode()).fetchone()
    assert row is not None
    return row[0]


@contextmanager
def migrating(url: str, patience: Patience) -> Iterator[list[str]]:
    """A migrate in a thread of its own, and what it has said so far; it must come to a good end."""
    said: list[str] = []
    failed: list[BaseException] = []

    def work() -> None:
        try:
            migrate(url, say=said.append, patience=patience)
        except BaseException as error:
            failed.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield said
    finally:
        thread.join(60)
    assert not thread.is_alive()
    assert failed == []


# --- locks ------------------------------------------------------------------------------------------------


def test_a_deployment_that_gets_no_lock_lets_writers_pass_and_asks_again(
    url: str, database: Database, connect: Connect
) -> None:
    database.execute("set lock_timeout = '5s'")
    # Applied and not known as such: it is applied again.
    database.execute("delete from internal._yoyo_migration where migration_id = '0022.months_in_year'")
    known = one(database, "select count(*) from internal._yoyo_migration")
    with connect(url, autocommit=False) as long:
        # yoyo's log is what every migration writes in the end, whatever it changes.
        long.execute("lock table internal._yoyo_log in share mode")
        code, out, error = run("migrate", "--lock-timeout", "0.05", "--lock-attempts", "2", url=url)
        assert (code, out) == (Exit.LOCKED, "")
        assert "0022.months_in_year: no lock was to be had within 0.05 s, in 2 tries" in error
        assert one(database, "select count(*) from internal._yoyo_migration") == known

    database.execute("drop view public.v_lead_timeline")
    register = "insert into public.leads (user_id) values (7)"
    with connect(url, autocommit=False) as long, migrating(url, Patience(0.1, 100)) as said:
        try:
            long.execute(register)
            eventually(
                lambda: any("functions and views: no lock within 0.1 s" in x for x in said), "it gives up"
            )
            # It may be waiting again, and whoever writes behind it.
            database.execute(register)
            assert one(database, "select to_regclass('public.v_lead_timeline') is null")
            assert f"perhaps in the way: process {long.info.backend_pid} (" in said[-1]
        finally:
            long.commit()
    assert one(database, "select to_regclass('public.v_lead_timeline') is not null")
    assert one(database, "select count(*) from public.leads") == 2
    assert one(database, "select count(*) from internal._yoyo_migration") == known + 1


# --- readiness --------------------------------------------------------------------------------------------


@pytest.fixture
def edited(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[[str, str, str], None]:
    """Makes the release another one: a function's file with some words replaced."""
    folder = tmp_path / "functions"
    shutil.copytree(jobs.paths.FUNCTIONS, folder)
    monkeypatch.setattr(jobs.paths, "FUNCTIONS", folder)

    def edit(name: str, old: str, new: str) -> None:
        path = folder / f"{name}.sql"
        text = path.read_text("utf-8")
        assert old in text
        path.write_text(text.replace(old, new), "utf-8")

    return edit


def test_a_release_that_is_not_ready_becomes_visible_to_nobody(
    url: str, database: Database, edited: Callable[[str, str, str], None]
) -> None:
    functions = (
        "select md5(string_agg(p.prosrc || p.proname, '' order by p.oid)) from pg_proc as p"
        " where p.pronamespace in ('public'::regnamespace, 'internal'::regnamespace)"
    )
    before = one(database, functions)
    # A body that fits no table: the sample does not come there.
    edited("inspect_events", "from public.outbox", "from public.inbasket")
    with pytest.raises(LeadguardError, match=r"could not be put in place.*inbasket.*inspect_events"):
        migrate(url)
    edited("inspect_events", "from public.inbasket", "from public.outbox")
    # A rule that is wrong: holds do not stop the clock.
    edited("deadline", "p_holds is null or not", "true or not")
    with pytest.raises(NotReady, match=r"protection rules: .*due were: GRACE until") as refusal:
        migrate(url)
    assert refusal.value.code is Exit.NOT_RIGHT
    assert one(database, functions) == before


def test_what_a_hand_has_broken_stops_no_upgrade(url: str, database: Database) -> None:
    """Neither what migrate puts right, nor what it leaves alone: that is told."""
    database.execute("insert into public.leads (user_id, company_name) values (7, 'Kantine')")
    database.execute(
        "create or replace function internal.add_local("
        "p_at timestamptz, p_interval interval, p_time_zone text)"
        " returns timestamptz language sql immutable parallel safe return p_at;"
        "alter table public.leads add constraint named check (company_name is not null)"
    )
    said: list[str] = []
    migrate(url, say=said.append)
    told = [line for line in said if line.startswith("not held against this release")]
    assert [line.split(": ")[1] for line in told] == ["protection rules"]
    assert '"named"' in told[0]
    assert one(database, "select internal.add_local('2026-01-01', interval '1 day', 'UTC') > '2026-01-01'")


def test_only_what_was_right_before_is_held_against_a_release(
    url: str, database: Database, connect: Connect
) -> None:
    asking: Any = connect(url, row_factory=psycopg.rows.dict_row)
    rules = {"what": "protection rules", "evidence": "it fails"}
    stored = {"what": "stored rows", "evidence": "1 of the 1 newest leads differ from their facts"}
    assert faults_of_before(asking, [rules, stored]) == set()
    # What functions altered by hand have stored.
    database.execute("alter function internal.format_rfc3339(timestamptz) cost 7")
    assert faults_of_before(asking, [rules, stored]) == {"stored rows"}
    database.execute(
        "alter table public.activity_types disable trigger user; delete from public.activity_types"
    )
    before = asking.execute("select what, evidence from internal.inspect_rules()").fetchone()
    assert faults_of_before(asking, [before, stored]) == {"protection rules", "stored rows"}
    database.execute("drop function internal.inspect_deployment()")
    assert faults_of_before(asking, [before, stored]) == {"stored rows"}


# --- blue and green ---------------------------------------------------------------------------------------


def test_workers_and_writers_go_on_while_functions_are_re_created(
    url: str, database: Database, connect: Connect, tmp_path: Path
) -> None:
    target = tmp_path / "events.jsonl"
    over = threading.Event()
    refused: list[psycopg.Error] = []
    written = 0

    def write() -> None:
        nonlocal written
        with psycopg.connect(url, autocommit=True) as connection:
            while not over.wait(0.02):
                try:
                    with connection.transaction():
                        row = connection.execute(
                            "insert into public.leads (user_id, created_at)"
                            " values (7, now() - interval '70 days') returning id"
                        ).fetchone()
                        connection.execute(
                            "insert into public.lead_activities"
                            " (lead_id, user_id, activity_type, occurred_at)"
                            " values (%s, 7, 'QUALIFIED_CALL', now() - interval '70 days')",
                            row,
                        )
                    written += 1
                except psycopg.Error as error:
                    refused.append(error)

    writer = threading.Thread(target=write)
    with Daemon(url, "--sink", f"file:{target}", *QUICK) as daemon:
        eventually(daemon.is_ready, "it is ready")
        writer.start()
        try:
            while written <= 20 and not refused:
                migrate(url)
        finally:
            over.set()
            writer.join(60)
        eventually(lambda: one(database, "select count(*) from public.outbox") == 0, "all is published")
        assert daemon.stop() == 0
        assert daemon.noise == []
    assert refused == []
    # A lock that a pass did not get in time it gets in the next one.
    failures = {line.get("sqlstate") for line in daemon.log if line["level"] != "info"}
    assert failures <= {"55P03", "40P01"}, daemon.log
    events = [json.loads(line) for line in target.read_text("utf-8").splitlines()]
    assert len({event["event_id"] for event in events}) == len(events)
    made = [event["lead_id"] for event in events if event["event_type"] == "lead.protection.activated"]
    assert len(made) == written == len(set(made))


# --- backups ----------------------------------------------------------------------------------------------


@pytest.fixture
def path(cluster: Cluster) -> str:
    """A PATH that has the programs of the server under test first."""
    for name in ("pg_dump", "pg_restore"):
        if not (cluster.bin / name).exists():
            pytest.skip(f"this PostgreSQL comes without {name}")
    return f"{cluster.bin}:{os.environ['PATH']}"


def test_a_backup_is_made_before_a_change_and_proven_by_restoring_it(
    url: str, database: Database, path: str, tmp_path: Path
) -> None:
    file = tmp_path / "before.dump"
    arguments = ("migrate", "--backup", str(file))
    database.execute("insert into public.leads (user_id) select 7 from generate_series(1, 3)")
    database.execute(
        "update internal.recorded_shape set name = '0.0', fingerprint = 'x' where kind = 'RELEASE'"
    )
    code, out, error = run(*arguments, "--json", url=url, PATH=path)
    assert (code, error, json.loads(out)["backup"]) == (0, "", str(file))
    assert file.stat().st_mode & 0o777 == 0o600
    assert list(tmp_path.iterdir()) == [file]
    assert run(*arguments, url=url, PATH=path)[0] == Exit.USAGE  # what was before is not written over

    code, out, error = run("restore-check", str(file), url=url, PATH=path)
    assert code == 0, out + error
    assert ", of leadguard 0.0: proven; 3 leads" in out
    file.write_bytes(file.read_bytes()[:100])
    code, out, error = run("restore-check", str(file), url=url, PATH=path)
    assert (code, out) == (Exit.NO_BACKUP, "")
    assert "is no backup that can be read" in error


def test_a_restored_database_gets_back_the_roles_and_rights_that_its_server_lacks(
    url: str, database: Database, path: str, tmp_path: Path
) -> None:
    """Roles are the server's: a dump restored without them lacks their rights, and PUBLIC may too much."""
    file = tmp_path / "lost.dump"
    database.execute("insert into public.leads (user_id) values (7)")
    environment = {**os.environ, "PATH": path}
    subprocess.run(["pg_dump", "-Fc", "-f", file, url], check=True, env=environment)
    with Cluster(in_memory=True) as other:
        restored = other.create_database("restored")
        told = subprocess.run(
            ["pg_restore", "-d", restored, file], capture_output=True, text=True, env=environment
        )
        assert 'role "lead_worker" does not exist' in told.stderr
        said: list[str] = []
        assert migrate(restored, say=said.append).altered == {}
        assert any(line.startswith("the roles have no rights here") for line in said)
        assert not any(line.startswith("the roles have no rights") for line in _said_by_migrate(restored))
        with psycopg.connect(restored, autocommit=True) as connection:
            faults = "select what from public.production_readiness_check() where status = 'FAIL'"
            settings = {("nothing lost in a crash",), ("whole pages after a crash",)}
            assert set(connection.execute(faults).fetchall()) <= settings
            connection.execute("set role module02_writer")
            connection.execute("insert into public.leads (user_id, company_name) values (8, 'Kantine')")
            connection.execute("set role lead_operations")
            assert connection.execute("select count(*) from public.leads").fetchone() == (2,)
            connection.execute("call public.create_lead_hold(1, 7, 'price list')")


def _said_by_migrate(url: str) -> list[str]:
    said: list[str] = []
    migrate(url, say=said.append)
    return said


def test_what_is_wrong_in_a_restored_database_is_told(database: Database, connect: Connect, url: str) -> None:
    restored: Any = connect(url, row_factory=psycopg.rows.dict_row)
    assert is_as_released(restored)
    database.execute(
        "insert into public.leads (user_id) values (7);"
        "update internal.lead_clocks set reminder_due_at = reminder_due_at + interval '1 hour';"
        "drop view public.v_lead_timeline"
    )
    assert not is_as_released(restored)
    report = examined(restored, Path("x"), None, 0, lambda text: None, quiet=True)
    assert not report.is_proven
    assert [row["lead_id"] for row in report.differences] == [1]
    assert [fault["what"] for fault in report.faults] == ["views", "stored rows"]
    database.execute("drop table internal.recorded_shape")
    with pytest.raises(LeadguardError, match="it holds no database of Leadguard's") as refusal:
        examined(restored, Path("x"), None, 0, lambda text: None, quiet=True)
    assert refusal.value.code is Exit.NOT_MIGRATED


def test_a_column_that_is_gone_is_told_by_check_and_not_sent_round_in_circles(
    url: str, database: Database
) -> None:
    """Migrate re-creates functions and views: whoever has it fail is not told to run it."""
    database.execute("alter table public.lead_reminders drop column sent_at cascade")
    code, out, _ = run("--json", "check", url=url)
    findings = {row["what"]: row for row in json.loads(out)["checks"]}
    assert code == Exit.NOT_RIGHT
    assert findings["tables and columns"]["evidence"] == "public.lead_reminders (changed)"
    assert findings["work"]["evidence"] == "cannot be asked: 42703: column x.sent_at does not exist"
    with pytest.raises(LeadguardError, match=r"could not be put in place: 42703") as refusal:
        migrate(url)
    assert refusal.value.hint is not None
    assert "leadguard migrate" not in refusal.value.hint
    assert "What is missing must come back first" in refusal.value.hint


def test_a_backup_that_fails_leaves_nothing_behind(url: str, database: Database, tmp_path: Path) -> None:
    """No change, no part of a file, no database; and no password on a command line, where all may read it."""
    address = psycopg.conninfo.make_conninfo(url, password="geheim")  # noqa: S106  # nobody's
    database.execute("drop view public.v_lead_timeline")
    file, heard = tmp_path / "before.dump", tmp_path / "heard"
    newest = database.info.server_version // 10_000

    def refusal(*arguments: str, version: int = newest) -> str:
        for name in ("pg_dump", "pg_restore"):
            program = tmp_path / name
            program.write_text(
                f"""#!/bin/sh
                [ "$1" = --version ] && echo 'x (PostgreSQL) {version}.1' && exit
                [ "$1" = --list ] && exit
                echo "$PGPASSWORD; $*" >{heard}
                echo '{name}: error: no space' >&2
                exit 1
                """
            )
            program.chmod(0o755)
        code, out, error = run(*arguments, str(file), url=address, PATH=f"{tmp_path}:/bin")
        assert (code, out) == (Exit.NO_BACKUP, "")
        return error

    said = refusal("migrate", "--backup", version=newest - 1)
    assert f"of PostgreSQL {newest - 1}, the server of {newest}" in said
    assert "pg_dump failed: pg_dump: error: no space" in refusal("migrate", "--backup")
    password, _, arguments = heard.read_text().partition("; ")
    assert password == "geheim"  # noqa: S105
    assert f"--file {file}.part" in arguments
    assert "geheim" not in arguments
    assert one(database, "select to_regclass('public.v_lead_timeline') is null")
    assert not list(tmp_path.glob("before.dump*"))

    file.touch()
    assert "pg_restore failed: pg_restore: error: no space" in refusal("restore-check")
    assert "geheim" not in heard.read_text().partition("; ")[2]
    assert one(database, "select count(*) from pg_database where datname like 'leadguard_restored_%'") == 0
    assert "pg_restore is not on PATH" in run("restore-check", str(file), url=url, PATH="/nowhere")[2]


# --- what a hand has altered -------------------------------------------------------------------------------

ALTERED = """
    drop index public.outbox_waiting_by_lead;
    alter table public.leads alter user_id drop not null;
    alter table public.cost_entries drop constraint cost_entries_team_not_blank;
    alter table public.lead_holds add constraint somebodys check (reason <> 'x');
    create table public.somebodys ()
"""


def faults(database: Database) -> set[tuple[str, str]]:
    rows = database.execute(
        "select what, status from internal.inspect_shape() where status <> 'OK'"
    ).fetchall()
    return set(rows)


def test_what_a_hand_has_altered_does_not_become_right_by_migrating(url: str, database: Database) -> None:
    database.execute(ALTERED)
    altered = {("tables and columns", "FAIL"), ("constraints", "FAIL"), ("indexes", "FAIL")}
    assert faults(database) == altered
    for _ in range(2):
        code, _out, error = run("migrate", url=url)
        assert code == 0
        for name in (
            "leads (changed)",
            "outbox_waiting_by_lead (missing)",
            "somebodys on public.lead_holds (not ours)",
        ):
            assert name in error
        assert faults(database) == altered
    assert set(json.loads(run("migrate", "--json", url=url)[1])["altered"]) == {what for what, _ in altered}
    database.execute(
        "alter table public.lead_holds drop constraint somebodys;"
        "alter table public.cost_entries add constraint cost_entries_team_not_blank"
        " check (team is null or not internal.is_blank(team))"
    )
    assert ("constraints", "FAIL") not in faults(database)
    assert migrate(url, accept_altered=True).altered == {}
    assert faults(database) == set()


def test_what_an_older_release_finds_altered_is_told(url: str, database: Database) -> None:
    """It has recorded less: what is told now becomes what is right."""
    database.execute(ALTERED)
    database.execute(
        "delete from internal.recorded_shape where kind = 'ORIGIN';drop function internal.recall_shape(jsonb)"
    )
    said: list[str] = []
    assert migrate(url, say=said.append).altered == {}
    assert said[0].startswith("not as the last migrate left it: ")
    assert "outbox_waiting_by_lead (missing)" in "\n".join(said)


def test_a_right_that_is_granted_to_others_is_theirs(url: str, database: Database) -> None:
    database.execute("grant select on public.v_user_lead_protection to pg_monitor")
    assert faults(database) == {("views", "FAIL")}
    assert migrate(url).altered == {}
    assert faults(database) == set()


def test_an_altered_function_is_put_right_wherever_its_file_lies(url: str, database: Database) -> None:
    database.execute(
        "create or replace function internal.is_blank(p_text text) returns boolean"
        " language sql immutable as 'select false';"
        "create or replace function internal.event_word(p_text text) returns text"
        " language sql immutable as 'select p_text'"
    )
    database.execute("drop view public.v_lead_timeline; drop trigger leads_follow on public.leads")
    assert {what for what, _ in faults(database)} == {"functions", "views", "triggers"}
    assert migrate(url).applied == []
    assert faults(database) == set()
    assert one(database, "select internal.is_blank(' ')") is True


@pytest.mark.parametrize(
    ("part", "before"),
    [
        pytest.param("^[^,]+", "0001.baseline", id="a migrate that was killed before it recorded the shape"),
        pytest.param("PostgreSQL [0-9]+", "PostgreSQL 14", id="another PostgreSQL"),
        pytest.param("[^ ]+$", "somebody", id="another owner"),
    ],
)
def test_what_was_changed_otherwise_is_no_alteration_by_hand(
    part: str, before: str, url: str, database: Database
) -> None:
    database.execute(
        "update internal.recorded_shape set name = regexp_replace(name, %s, %s) where kind = 'ORIGIN'",
        [part, before],
    )
    database.execute("alter table public.leads alter user_id drop not null")
    assert faults(database) == {("tables and columns", "FAIL")}
    migrate(url)
    assert faults(database) == set()
