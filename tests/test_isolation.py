"""Isolation specs: sessions interleaved step by step by PostgreSQL's own isolationtester.

A spec `isolation/NAME.spec` must print exactly `isolation/expected/NAME.out`, on a database of its own. To
accept what it prints now, after reading it: UPDATE_EXPECTED=1 ./run test --only isolation
"""

from __future__ import annotations

import difflib
import os
import subprocess
from pathlib import Path

import pytest

from tests.tools import isolationtester

FOLDER = Path(__file__).parent / "isolation"
SPECS = sorted(FOLDER.glob("*.spec"))


def test_there_are_specs() -> None:
    assert SPECS, f"no *.spec in {FOLDER}"
    orphans = {path.stem for path in (FOLDER / "expected").glob("*.out")} - {path.stem for path in SPECS}
    assert not orphans, "expected output without a spec"


@pytest.mark.parametrize("spec", SPECS, ids=lambda path: path.stem)
def test_spec(spec: Path, fresh_database: str) -> None:
    tester = isolationtester()
    assert tester, "isolationtester is missing (Debian, Ubuntu: apt-get install postgresql-client-15)"
    with spec.open() as script:
        done = subprocess.run(
            [tester, fresh_database], stdin=script, capture_output=True, text=True, timeout=120, check=False
        )
    assert done.returncode == 0, done.stdout + done.stderr
    expected = FOLDER / "expected" / f"{spec.stem}.out"
    if os.environ.get("UPDATE_EXPECTED"):
        expected.parent.mkdir(exist_ok=True)
        expected.write_text(done.stdout)
    assert expected.exists(), f"{expected} is missing; the spec printed:\n{done.stdout}"
    wanted = expected.read_text()
    difference = difflib.unified_diff(
        wanted.splitlines(), done.stdout.splitlines(), "expected", "printed", "", ""
    )
    assert done.stdout == wanted, "\n".join(difference)
