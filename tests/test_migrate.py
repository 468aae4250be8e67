"""Migrations: every object is defined once, and no run, however it ends, leaves another shape."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import sql
from yoyo import read_migrations
from yoyo.connections import parse_uri

from jobs.cluster import Cluster
from jobs.database import to_url, to_yoyo_url, with_database
from jobs.errors import LeadguardError, UsageProblem
from jobs.exits import Exit
from jobs.migrate import migrate, roll_back
from jobs.paths import FUNCTIONS, MIGRATIONS, SCHEMA, VIEWS
from jobs.sqlfiles import sql_files
from tests.forked import Process, start

ROOT = Path(__file__).resolve().parent.parent
Connect = Callable[..., psycopg.Connection[Any]]

# From how many depths all is applied again (`./run test --nightly`: from every one).
ROLLBACKS = int(os.environ.get("LEADGUARD_ROLLBACKS", "3"))


def shape(cluster: Cluster, url: str) -> list[str]:
    """The schema as pg_dump sees it: a sorted list of statements, rights included, yoyo's tables left out.

    Sorted, because pg_dump lists the rights on an object in the order in which they were granted.
    """
    options = ["--schema-only", "--no-owner", "--exclude-table=internal.*yoyo_*", "-d", url]
    dump = subprocess.run(
        [str(cluster.bin / "pg_dump"), *options], capture_output=True, text=True, check=True
    ).stdout
    # Comments carry versions, and \restrict a random key.
    lines = [line for line in dump.splitlines() if line and not line.startswith(("--", "\\"))]
    return sorted(re.split(r"(?<=;)\n", "\n".join(lines)))


def leadguard(url: str, *arguments: str) -> Process:
    """The command line in a process of its own, which a test may kill."""
    return start(arguments, {**os.environ, "DATABASE_URL": url})


@pytest.fixture(scope="module")
def clean_shape(cluster: Cluster, database_url: str) -> list[str]:
    """What every other way to a migrated database is compared with."""
    found = shape(cluster, database_url)
    assert len(found) > 50
    return found


# --- every object is defined once -------------------------------------------------------------------------


def test_migrating_twice_changes_nothing(
    cluster: Cluster, fresh_database: str, clean_shape: list[str]
) -> None:
    report = migrate(fresh_database)
    assert report.applied == []
    assert shape(cluster, fresh_database) == clean_shape


def test_the_baseline_loaded_again_changes_nothing(
    cluster: Cluster, fresh_database: str, clean_shape: list[str], connect: Connect
) -> None:
    """A delta that loads a schema file relies on it: schema files do nothing where their objects exist."""
    connection = connect(fresh_database)
    for path in sql_files(SCHEMA):
        connection.execute(path.read_bytes())
    # The schema files may re-create a function of theirs; those of db/functions have the last word.
    migrate(fresh_database)
    assert shape(cluster, fresh_database) == clean_shape


def test_a_changed_function_is_deployed_although_no_migration_is_pending(
    fresh_database: str, connect: Connect
) -> None:
    connection = connect(fresh_database)
    connection.execute(
        "create or replace function public.start_job_run(p_job text) returns bigint"
        " language sql as 'select 1::bigint'"
    )
    migrate(fresh_database)
    first, second = (connection.execute("select public.start_job_run('x')").fetchone() for _ in range(2))
    assert first != second


@pytest.fixture(scope="module")
def created_by(cluster: Cluster, template: str) -> Iterator[dict[str, list[str]]]:
    """Which functions and views each file of db/ creates, by full signature, as the server itself tells."""
    url = cluster.create_database("leadguard_created_by", template)
    created: dict[str, list[str]] = {}
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(
            """
            create temporary table seen (kind text, identity text);
            create function pg_temp.note() returns event_trigger language plpgsql as $$
            begin
                insert into pg_temp.seen
                select c.object_type, c.object_identity
                  from pg_event_trigger_ddl_commands() as c
                 where c.command_tag in ('CREATE FUNCTION', 'CREATE PROCEDURE', 'CREATE VIEW');
            end
            $$;
            """
        )
        name = connection.execute("select pg_my_temp_schema()::regnamespace::text").fetchone()
        assert name is not None
        connection.execute(
            sql.SQL("create event trigger note on ddl_command_end execute function {}.note()").format(
                sql.Identifier(name[0])
            )
        )
        for path in (*sql_files(SCHEMA), *sql_files(FUNCTIONS), *sql_files(VIEWS)):
            with connection.transaction(force_rollback=True):
                connection.execute("set local check_function_bodies = off")
                connection.execute(path.read_bytes())
                rows = connection.execute("select kind, identity from pg_temp.seen").fetchall()
            # A view that is replaced is told twice.
            created[f"{path.parent.name}/{path.name}"] = sorted({f"{kind} {name}" for kind, name in rows})
        connection.execute("drop event trigger note")
    yield created
    cluster.drop_database("leadguard_created_by")


def test_files_and_catalogue_match_by_full_signature(
    created_by: dict[str, list[str]], connect: Connect, database_url: str
) -> None:
    in_files = sorted(name for names in created_by.values() for name in names)
    rows = connect(database_url).execute(
        """
        select i.type || ' ' || i.identity
          from (
              select 'pg_proc'::regclass as class, p.oid
                from pg_proc as p
               where p.pronamespace in ('public'::regnamespace, 'internal'::regnamespace)
                 and p.prokind in ('f', 'p')
              union all
              select 'pg_class'::regclass, c.oid
                from pg_class as c
               where c.relnamespace in ('public'::regnamespace, 'internal'::regnamespace)
                 and c.relkind = 'v'
          ) as o
         cross join lateral pg_identify_object(o.class, o.oid, 0) as i
         where not exists (
               select from pg_depend as d
                where d.classid = o.class and d.objid = o.oid and d.deptype = 'e')
        """
    )
    in_catalogue = sorted(row[0] for row in rows)
    assert len(in_catalogue) > 50
    # Lists, not sets: an object that two files create stands twice.
    assert in_files == in_catalogue


def test_each_file_is_named_after_what_it_creates(created_by: dict[str, list[str]]) -> None:
    wrong = []
    for file, objects in created_by.items():
        if file.startswith("schema/"):
            continue
        names = {re.sub(r"^\w+ (?:public|internal)\.(\w+).*", r"\1", each) for each in objects}
        if names != {Path(file).stem}:
            wrong.append((file, objects))
    assert wrong == []


def test_functions_and_views_are_never_created_by_migrations() -> None:
    """Their bodies stand in db/ and nowhere else; a delta may drop an old signature."""
    for path in MIGRATIONS.iterdir():
        if path.suffix in (".py", ".sql"):
            text = path.read_text("utf-8")
            pattern = r"create\s+or\s+replace\s+(function|procedure|view)\s+\w+\."
            assert not re.search(pattern, text), path.name


# --- released migrations ----------------------------------------------------------------------------------


def released() -> dict[str, str]:
    lines = (MIGRATIONS / "released.txt").read_text("utf-8").splitlines()
    entries = [line.split(maxsplit=1) for line in lines if line.strip() and not line.startswith("#")]
    return {name: digest for digest, name in entries}


def deltas(folder: Path) -> set[str]:
    """The migrations of a directory but for the baseline and post-apply, with their rollbacks."""
    return {
        path.name
        for path in folder.iterdir()
        if path.suffix in (".py", ".sql") and not path.name.startswith(("0001.", "post-apply"))
    }


def changed_releases(folder: Path, frozen: dict[str, str]) -> list[str]:
    def digest(name: str) -> str | None:
        path = folder / name
        return hashlib.sha256(path.read_bytes()).hexdigest() if path.exists() else None

    return sorted(name for name, expected in frozen.items() if digest(name) != expected)


def test_released_deltas_are_frozen() -> None:
    assert changed_releases(MIGRATIONS, released()) == []
    assert set(released()) <= deltas(MIGRATIONS)


def test_an_edited_or_deleted_release_would_be_noticed(tmp_path: Path) -> None:
    kept, edited = tmp_path / "0002.kept.py", tmp_path / "0003.edited.py"
    for path in (kept, edited):
        path.write_text("one\n", "utf-8")
    frozen = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in (kept, edited)}
    frozen["0004.deleted.py"] = "0" * 64
    edited.write_text("two\n", "utf-8")
    assert changed_releases(tmp_path, frozen) == ["0003.edited.py", "0004.deleted.py"]


def git(*arguments: str) -> str:
    if shutil.which("git") is None or not (ROOT / ".git").exists():
        return ""
    asked = subprocess.run(["git", "-C", ROOT, *arguments], capture_output=True, text=True, check=False)
    return asked.stdout.strip()


@pytest.fixture(scope="module")
def last_release(tmp_path_factory: pytest.TempPathFactory) -> Path | None:
    """The tree of the last release, or None before the first."""
    tag = git("tag", "--list", "v*", "--sort=-version:refname").partition("\n")[0]
    if not tag:
        return None
    target = tmp_path_factory.mktemp("release")
    archive = subprocess.run(["git", "-C", ROOT, "archive", tag], capture_output=True, check=True).stdout
    subprocess.run(["tar", "-x", "-C", target], input=archive, check=True)
    return target


def test_the_last_release_has_frozen_its_deltas(last_release: Path | None) -> None:
    """From the first tag on: what a release carries stands in released.txt, unchanged."""
    carried = deltas(last_release / "migrations") if last_release else set()
    assert carried <= set(released())


def test_a_fresh_build_equals_the_last_release_migrated(
    cluster: Cluster, empty_database: str, clean_shape: list[str], last_release: Path | None
) -> None:
    """Before the first tag the tree itself stands in for the release: its shape, without its functions.

    What it uses is still there, for its workers run on beside the new ones.
    """
    if last_release is None:
        with psycopg.connect(empty_database) as connection:
            for path in sql_files(SCHEMA):
                connection.execute(path.read_bytes())
    else:
        built = subprocess.run(
            [sys.executable, "-m", "jobs.cli", "migrate"],
            cwd=last_release,
            env={**os.environ, "PYTHONPATH": str(last_release), "DATABASE_URL": empty_database},
            capture_output=True,
            text=True,
            check=False,
        )
        assert built.returncode == 0, built.stderr
    before = interface(empty_database)
    assert len(before) > 100
    migrate(empty_database)
    assert shape(cluster, empty_database) == clean_shape
    assert before - interface(empty_database) == set()


def interface(url: str) -> set[str]:
    """What workers and writers of a release may use: columns and functions."""
    with psycopg.connect(url) as connection:
        rows = connection.execute(
            """
            select format('%s.%s', a.attrelid::regclass, a.attname)
              from pg_attribute as a
              join pg_class as c on c.oid = a.attrelid and c.relkind in ('r', 'v')
             where c.relnamespace = 'public'::regnamespace and a.attnum > 0 and not a.attisdropped
             union all
            select p.oid::regprocedure::text
              from pg_proc as p
             where p.pronamespace = 'public'::regnamespace
            """
        ).fetchall()
    return {name for (name,) in rows}


# --- rollbacks --------------------------------------------------------------------------------------------


def test_every_rollback_runs_and_applying_again_gives_the_same(
    cluster: Cluster, fresh_database: str, clean_shape: list[str], connect: Connect
) -> None:
    names = [migration.id for migration in read_migrations(str(MIGRATIONS))]
    connection = connect(fresh_database)
    connection.execute("create table public.somebody_elses (id integer)")
    connection.execute("create function public.somebody_elses() returns integer language sql as 'select 1'")
    for undone in [*range(1, len(names))[:ROLLBACKS], len(names)]:
        assert roll_back(fresh_database, undone) == names[::-1][:undone]
        if undone < len(names):
            migrate(fresh_database)
    # All undone: of ours nothing is left, of theirs everything.
    left = connection.execute(
        """
        select c.relname from pg_class as c
         where c.relnamespace in ('public'::regnamespace, 'internal'::regnamespace)
           and c.relkind in ('r', 'p', 'v', 'S') and c.relname !~ '^(_yoyo|yoyo)_'
        union all
        select p.proname from pg_proc as p
         where p.pronamespace in ('public'::regnamespace, 'internal'::regnamespace)
        union all
        select t.typname from pg_type as t
         where t.typnamespace in ('public'::regnamespace, 'internal'::regnamespace)
           and t.typtype in ('d', 'e') or t.typnamespace = 'internal'::regnamespace
           and t.typtype = 'c' and t.typname !~ '^(_yoyo|yoyo)_'
        """
    ).fetchall()
    assert left == [("somebody_elses",), ("somebody_elses",)]
    roles = connection.execute("select count(*) from pg_roles where rolname = 'lead_worker'").fetchone()
    assert roles == (1,)
    connection.execute("drop function public.somebody_elses(); drop table public.somebody_elses")
    assert migrate(fresh_database).applied == names
    assert shape(cluster, fresh_database) == clean_shape


# --- interrupted and parallel runs ------------------------------------------------------------------------

# Where the server is held up, so that the kill falls exactly there.
_STATIONS = {
    "the first table": "CREATE TABLE public.error_codes",
    "a table in the middle": "CREATE TABLE public.lead_holds",
    "the last type": "CREATE TYPE internal.lead_facts",
    "a function in the middle of post-apply": "CREATE FUNCTION internal.evaluate_period",
    "the view": "CREATE VIEW public.v_user_lead_protection",
}


def roll_back_before(url: str, migration: str) -> None:
    names = [each.id for each in read_migrations(str(MIGRATIONS))]
    roll_back(url, len(names) - names.index(migration))


def test_a_policy_longer_than_its_new_bound_does_not_stop_the_upgrade(
    fresh_database: str, connect: Connect
) -> None:
    """Nobody could change it: a version is neither updated nor deleted."""
    roll_back_before(fresh_database, "0015.bounds")
    connection = connect(fresh_database)
    long = "insert into public.protection_policies (policy, base_term) values (%s, '2000 years')"
    connection.execute(long, ["before"])
    migrate(fresh_database)
    with pytest.raises(psycopg.errors.CheckViolation):
        connection.execute(long, ["after"])


def test_intervals_of_mixed_signs_do_not_stop_the_upgrade(fresh_database: str, connect: Connect) -> None:
    roll_back_before(fresh_database, "0017.terms_lead_ahead")
    connection = connect(fresh_database)
    mixed = "insert into public.protection_policies (policy, base_term) values (%s, '1 month -29 days')"
    setting = "update public.settings set value = '1 month -29 days' where name = %s"
    connection.execute(mixed, ["before"])
    connection.execute(setting, ["outbox_retention"])
    migrate(fresh_database)
    for query in (mixed, setting):
        with pytest.raises(psycopg.errors.CheckViolation):
            connection.execute(query, ["mail_retention"])


def test_reminders_are_queued_until_the_functions_follow_the_change_of_their_table(
    fresh_database: str, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those of before work on, also where the new ones are refused: what they call must stay."""
    roll_back_before(fresh_database, "0030.reminders_known_since")
    connection = connect(fresh_database)
    former = b"internal.could_be_sent_since(internal.lead_clocks, timestamptz)"
    connection.execute(b"create function " + former + b" returns timestamptz language sql return now()")
    with monkeypatch.context() as refused:
        refused.setattr("jobs.migrate._put_in_place", lambda *_: None)
        migrate(fresh_database)
    there = b"select to_regprocedure('" + former + b"') is not null"
    assert connection.execute(there).fetchone() == (True,)
    migrate(fresh_database)
    assert connection.execute(there).fetchone() == (False,)


def silences(connection: psycopg.Connection[Any], job: str) -> Any:
    return connection.execute(
        "select extract(epoch from max_silence), extract(epoch from tolerated_silence)"
        " from public.expected_jobs where job = %s",
        [job],
    ).fetchone()


def test_what_an_installation_asked_of_its_workers_is_kept(fresh_database: str, connect: Connect) -> None:
    roll_back_before(fresh_database, "0013.expected_jobs")
    connection = connect(fresh_database)
    connection.execute(
        "update public.kpi_thresholds set threshold = 1800, tolerated = 7200 where kpi = 'job_last_success'"
    )
    migrate(fresh_database)
    assert silences(connection, "remind") == (1800, 7200)
    assert silences(connection, "maintain") == (93_600, 604_800)
    roll_back_before(fresh_database, "0013.expected_jobs")
    kept = "select threshold, tolerated from public.kpi_thresholds where kpi = 'job_last_success'"
    assert connection.execute(kept).fetchone() == (1800, 7200)


@pytest.mark.parametrize("target", [("0", "3600"), ("NaN", "NaN"), ("900", "Infinity"), ("1e20", None)])
def test_a_target_of_workers_that_is_no_time_does_not_stop_the_upgrade(
    fresh_database: str, connect: Connect, target: tuple[str, str | None]
) -> None:
    roll_back_before(fresh_database, "0013.expected_jobs")
    connection = connect(fresh_database)
    connection.execute(
        "update public.kpi_thresholds set threshold = %s, tolerated = %s where kpi = 'job_last_success'",
        target,
    )
    migrate(fresh_database)
    assert silences(connection, "remind") == (900, 3600)


def test_workers_that_were_off_before_are_told_as_switched_off(fresh_database: str, connect: Connect) -> None:
    roll_back_before(fresh_database, "0018.switched_off_jobs")
    connection = connect(fresh_database)
    connection.execute("update public.expected_jobs set expected_since = null where job = 'breaches'")
    migrate(fresh_database)
    off = connection.execute("select job from public.expected_jobs where switched_off_at is not null")
    assert off.fetchall() == [("breaches",)]


@pytest.mark.parametrize("station", _STATIONS)
def test_a_kill_in_the_middle_is_made_good_by_the_next_run(
    station: str, cluster: Cluster, empty_database: str, clean_shape: list[str], connect: Connect
) -> None:
    connection = connect(empty_database)
    connection.execute(
        sql.SQL(
            """
            create function public.hold_up() returns event_trigger language plpgsql as $$
            begin
                if exists (select from pg_event_trigger_ddl_commands() as c
                            where c.command_tag || ' ' || c.object_identity like {pattern}) then
                    perform pg_sleep(1);
                end if;
            end
            $$;
            create event trigger hold_up on ddl_command_end execute function public.hold_up();
            """
        ).format(pattern=sql.Literal(_STATIONS[station] + "%"))
    )
    run = leadguard(empty_database, "migrate")
    wait_until(
        connection,
        "select count(*) = 1 from pg_stat_activity"
        " where datname = current_database() and wait_event = 'PgSleep'",
        run,
    )
    run.kill()
    run.communicate()
    # The dead run's server process still sleeps: the next run must wait until it has given up.
    connection.execute("alter event trigger hold_up disable")
    said: list[str] = []
    migrate(empty_database, say=said.append)
    assert "the server still works for a migrate that was killed: waiting until it has given up" in said
    connection.execute("drop event trigger hold_up; drop function public.hold_up()")
    assert shape(cluster, empty_database) == clean_shape


def test_a_kill_between_applying_and_marking_is_made_good(
    cluster: Cluster, fresh_database: str, clean_shape: list[str], connect: Connect
) -> None:
    """yoyo marks a migration in a second transaction: it may be applied and not known as such."""
    roll_back(fresh_database)
    blocker, watcher = connect(fresh_database, autocommit=False), connect(fresh_database)
    blocker.execute("lock table internal._yoyo_log in exclusive mode")
    run = leadguard(fresh_database, "migrate")
    wait_until(
        watcher,
        "select count(*) = 1 from pg_locks"
        " where not granted and relation = 'internal._yoyo_log'::regclass"
        "   and database = (select oid from pg_database where datname = current_database())",
        run,
    )
    run.kill()
    run.communicate()
    assert watcher.execute("select to_regclass('public.leads') is not null").fetchone() == (True,)
    assert watcher.execute("select count(*) from internal._yoyo_migration").fetchone() == (0,)
    blocker.rollback()
    assert migrate(fresh_database).applied != []
    assert shape(cluster, fresh_database) == clean_shape


def test_kills_at_any_moment_are_made_good(
    cluster: Cluster, empty_database: str, clean_shape: list[str]
) -> None:
    killed = 0
    # It connects at once, as everything is imported already; the migration takes half a second or more.
    for step in range(6):
        run = leadguard(empty_database, "migrate")
        time.sleep(0.05 + 0.1 * step)
        run.kill()
        run.communicate()
        killed += run.returncode == -signal.SIGKILL
    assert killed > 0
    migrate(empty_database)
    assert shape(cluster, empty_database) == clean_shape


def test_parallel_runs_wait_for_one_another(
    cluster: Cluster, empty_database: str, clean_shape: list[str], connect: Connect
) -> None:
    runs = [leadguard(empty_database, "migrate") for _ in range(3)]
    results = [run.communicate(timeout=120) for run in runs]
    assert [run.returncode for run in runs] == [0] * len(runs), results
    assert sum("applied 0001.baseline" in out for out, _ in results) == 1
    assert shape(cluster, empty_database) == clean_shape
    applied = connect(empty_database).execute("select count(*) from internal._yoyo_migration").fetchone()
    assert applied == (len(read_migrations(str(MIGRATIONS))),)


def wait_until(connection: psycopg.Connection[Any], question: str, run: Process) -> None:
    deadline = time.monotonic() + 30
    while connection.execute(question.encode()).fetchone() != (True,):
        assert run.poll() is None, run.communicate()
        assert time.monotonic() < deadline, f"never became true: {question}"
        time.sleep(0.01)


# --- refusals ---------------------------------------------------------------------------------------------


def test_a_newer_database_is_refused_before_anything_is_changed(
    cluster: Cluster, fresh_database: str, connect: Connect
) -> None:
    connection = connect(fresh_database)
    connection.execute("drop function public.start_job_run(text)")
    connection.execute(
        "insert into internal._yoyo_migration (migration_hash, migration_id, applied_at_utc)"
        " values ('future', '9999.of-a-later-release', now())"
    )
    before = shape(cluster, fresh_database)
    with pytest.raises(LeadguardError, match=r"newer.*9999\.of-a-later-release") as refusal:
        migrate(fresh_database)
    assert refusal.value.code is Exit.NEWER
    assert shape(cluster, fresh_database) == before
    run = leadguard(fresh_database, "migrate", "--dry-run")
    _, error = run.communicate()
    assert run.returncode == 4
    assert "9999.of-a-later-release" in error
    assert "Traceback" not in error


def test_a_dry_run_changes_nothing(cluster: Cluster, empty_database: str) -> None:
    before = shape(cluster, empty_database)
    report = migrate(empty_database, dry_run=True)
    assert report.applied == [migration.id for migration in read_migrations(str(MIGRATIONS))]
    assert shape(cluster, empty_database) == before
    with psycopg.connect(empty_database) as connection:
        assert connection.execute("select to_regnamespace('internal')").fetchone() == (None,)


def test_a_lock_left_behind_does_not_stop_the_next_run(fresh_database: str, connect: Connect) -> None:
    connect(fresh_database).execute(
        "insert into internal.yoyo_lock (locked, ctime, pid) values (1, now(), 999999)"
    )
    started = time.monotonic()
    migrate(fresh_database)
    assert time.monotonic() - started < 5


def test_an_owner_without_other_rights_migrates_a_database_that_gives_none_away(
    cluster: Cluster, template: str, empty_database: str, connect: Connect
) -> None:
    """Where the cluster has the roles already, whoever owns the database needs not be able to make them."""
    name = psycopg.conninfo.conninfo_to_dict(empty_database)["dbname"]
    superuser = connect(empty_database)
    superuser.execute("create role plain_owner login")
    try:
        superuser.execute(sql.SQL("alter database {} owner to plain_owner").format(sql.Identifier(str(name))))
        superuser.execute("revoke all on schema public from public")
        url = psycopg.conninfo.make_conninfo(empty_database, user="plain_owner")
        assert migrate(url).applied
        superuser.execute("set role module02_writer")
        superuser.execute("insert into public.leads (user_id) values (7)")
        assert superuser.execute("select state from public.v_user_lead_protection").fetchall() == [
            ("PROTECTED",)
        ]
        superuser.execute("reset role")
    finally:
        superuser.execute(sql.SQL("alter database {} owner to postgres").format(sql.Identifier(str(name))))
        superuser.execute("drop owned by plain_owner cascade")
        superuser.execute("drop role plain_owner")


# --- addresses --------------------------------------------------------------------------------------------

_HARD_PASSWORD = "p@ss:w/o#rd?&=% ü'\\"  # noqa: S105  # nobody's


def test_any_form_of_address_reaches_the_database(
    cluster: Cluster, fresh_database: str, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    socket, name = cluster.socket_dir, psycopg.conninfo.conninfo_to_dict(fresh_database)["dbname"]
    for url in (
        f"postgresql:///{name}?host={socket}&user=postgres",
        f"postgres:///{name}?host={socket}&user=postgres",
        f"postgresql+psycopg:///{name}?host={socket}&user=postgres",
        f"host={socket} user=postgres dbname={name}",
        f"postgresql://postgres@/{name}?host={socket}&options=-c%20work_mem%3D8MB",
    ):
        assert migrate(url).known > 0, url
        assert migrate(to_url(url)).known > 0, url
    for variable, value in (("PGHOST", str(socket)), ("PGUSER", "postgres"), ("PGDATABASE", str(name))):
        monkeypatch.setenv(variable, value)
    assert migrate("").known > 0


def test_a_password_with_any_character_survives() -> None:
    """Checked at yoyo's end, which takes its URL apart by rules of its own."""
    parts = {"host": "db.example", "user": "ow:ner@x", "password": _HARD_PASSWORD, "dbname": "a/b"}
    dsn = psycopg.conninfo.make_conninfo("", **parts)
    for url in (dsn, with_database(dsn, "a/b")):
        assert parse_uri(to_yoyo_url(url, "internal")).args == {**parts, "schema": "internal"}


def test_an_address_to_be_shown_has_no_password() -> None:
    parts = {"host": "db.example", "user": "ow:ner@x", "password": "geheim", "sslpassword": "geheim"}
    shown = to_url(psycopg.conninfo.make_conninfo("", dbname="a/b", **parts))
    assert "geheim" not in shown
    assert psycopg.conninfo.conninfo_to_dict(shown) == {
        "host": "db.example",
        "user": "ow:ner@x",
        "dbname": "a/b",
    }


def test_an_unreadable_address_is_a_usage_problem_that_shows_no_password() -> None:
    with pytest.raises(UsageProblem) as refusal:
        migrate("postgresql://user:geheim@[half/db")
    assert "geheim" not in refusal.value.render(as_json=False)
