"""The wheel is enough to deploy: it carries the SQL, and its `leadguard migrate` needs no checkout."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import psycopg
import pytest

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel's content, built from the checkout, in a folder of its own."""
    folder = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(folder)]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True)
    (wheel,) = folder.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder / "site")
    return folder / "site"


def test_the_wheel_carries_all_sql_and_no_tests(installed: Path) -> None:
    def names(folder: Path) -> set[str]:
        patterns = ("migrations/*.*", "db/schema/*", "db/functions/*", "db/views/*", "examples/*")
        return {str(path.relative_to(folder)) for pattern in patterns for path in folder.glob(pattern)}

    assert names(installed / "jobs" / "_sql") == names(ROOT)
    assert (installed / "jobs" / "py.typed").exists()
    assert not list(installed.glob("**/tests"))


def test_an_installed_leadguard_migrates(installed: Path, empty_database: str, tmp_path: Path) -> None:
    program = "from jobs.cli import main; main()"
    subprocess.run(
        [sys.executable, "-c", program, "migrate", "--database-url", empty_database],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(installed)},
        check=True,
    )
    with psycopg.connect(empty_database) as connection:
        assert connection.execute("select to_regclass('public.leads') is not null").fetchone() == (True,)
