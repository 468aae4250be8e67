"""The command line as a shell starts it, for tests."""

from __future__ import annotations

import os

from tests.forked import ROOT, start

__all__ = ["CLEAN", "ROOT", "run"]

# What the caller's machine says of databases, languages and terminals is no part of a test.
_FOREIGN = ("PG", "DATABASE_URL", "LEADGUARD_", "LC_", "LANG", "COLUMNS", "NO_COLOR", "FORCE_COLOR")
CLEAN = {
    name: value
    for name, value in os.environ.items()
    if not name.startswith(_FOREIGN) or name == "LEADGUARD_PG"
}


def run(*arguments: str, url: str = "", stdin: str = "", **environment: str) -> tuple[int, str, str]:
    """Runs `leadguard`; no failure may show a traceback."""
    variables = {**CLEAN, "PYTHONPATH": str(ROOT), **({"DATABASE_URL": url} if url else {}), **environment}
    process = start(arguments, variables, stdin=stdin)
    out, error = process.communicate(timeout=60)
    assert "Traceback" not in error, error
    return process.wait(), out, error
