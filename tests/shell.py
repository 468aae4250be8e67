"""The command line as a shell starts it, for tests."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

# What the caller's machine says of databases, languages and terminals is no part of a test.
_FOREIGN = ("PG", "DATABASE_URL", "LEADGUARD_", "LC_", "LANG", "COLUMNS", "NO_COLOR", "FORCE_COLOR")
CLEAN = {
    name: value
    for name, value in os.environ.items()
    if not name.startswith(_FOREIGN) or name == "LEADGUARD_PG"
}


def run(*arguments: str, url: str = "", stdin: str = "", **environment: str) -> tuple[int, str, str]:
    """Runs `leadguard`; no failure may show a traceback."""
    done = subprocess.run(
        [sys.executable, "-m", "jobs.cli", *arguments],
        env={**CLEAN, "PYTHONPATH": str(ROOT), **({"DATABASE_URL": url} if url else {}), **environment},
        input=stdin,
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=False,
        timeout=60,
    )
    assert "Traceback" not in done.stderr, done.stderr
    return done.returncode, done.stdout, done.stderr
