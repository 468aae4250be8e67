"""The SQL files of db/: which there are, in which order, and how one is loaded."""

import hashlib
from pathlib import Path
from typing import Any

import psycopg

from jobs.paths import FUNCTIONS, RUNBOOKS, VIEWS


def sql_files(folder: Path) -> list[Path]:
    """The files of a folder in the order in which they are loaded: by name, but `v_…` before all others.

    Views for people and for metrics read the `v_…` views, never the other way round.
    """
    return sorted(folder.glob("*.sql"), key=lambda path: (not path.name.startswith("v_"), path.name))


def load(connection: psycopg.Connection[Any], folder: Path) -> None:
    """Runs every file of `folder`, each as one text without parameters (so `%` and `;` mean nothing here)."""
    for path in sql_files(folder):
        try:
            connection.execute(path.read_bytes())
        except psycopg.Error as error:
            error.add_note(f"in {folder.name}/{path.name}")
            raise


def fingerprint() -> str:
    """One value for this program's functions, views, runbooks: another in the database, another release."""
    digest = hashlib.sha256()
    for path in (*sql_files(FUNCTIONS), *sql_files(VIEWS), *sorted(RUNBOOKS.glob("*.toml"))):
        digest.update(path.name.encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()
