"""The larger example data: what a predecessor system leaves behind comes in, and each fault is named."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg

from bench.files import WRITTEN_ON, write_messy
from jobs.database import Database
from jobs.entities import ACTIVITIES, HOLDS, LEADS, USERS
from jobs.importer import Options, import_file
from jobs.paths import EXAMPLES

Connect = Callable[..., psycopg.Connection[Any]]

FOLDER = EXAMPLES / "oldsystem"


def test_the_files_are_those_that_the_program_writes(tmp_path: Path) -> None:
    for written in write_messy(tmp_path):
        assert (FOLDER / written.path.name).read_bytes() == written.path.read_bytes()


def test_all_of_the_mess_comes_in_but_what_is_wrong(
    fresh_database: str, tmp_path: Path, connect: Connect
) -> None:
    database = Database(fresh_database)
    import_file(database, USERS, EXAMPLES / "sales_users.csv", Options())
    for entity, written in zip((LEADS, ACTIVITIES, HOLDS), write_messy(tmp_path), strict=True):
        options = Options(mapping=FOLDER / f"{entity.name}.toml", rebase_from=WRITTEN_ON)
        report = import_file(database, entity, written.path, options)
        assert (report.rows, report.refused) == (written.rows, written.refused.total())
        assert report.imported == report.rows - report.refused
        for reason, count in written.refused.items():
            assert sum(reason in said for _, said in report.reasons) == count, reason
        again = import_file(database, entity, written.path, options)
        assert (again.imported, again.known, again.differ) == (0, report.imported, 0)
    connection = connect(fresh_database)
    names = {row[0] for row in connection.execute("select company_name from leads")}
    assert {"=Hotel+Bar", "@home Catering", '"Zur Post"; Inh. Vogt', "-Zum Anker-"} <= names
    held = connection.execute("select from v_user_lead_protection where clock_stopped_since is not null")
    assert held.fetchall()
    assert connection.execute("select * from verify_lead_protection()").fetchall() == []
