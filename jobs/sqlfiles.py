"""The SQL files of db/: which there are, in which order, and how one is loaded."""

import hashlib
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg

from jobs.paths import FUNCTIONS, RUNBOOKS, SCHEMA, VIEWS

# What of db/schema every migrate loads again.
RIGHTS = SCHEMA / "000_schemas.sql"
CHECKS = sorted(SCHEMA.glob("*_is_*.sql"))
ERROR_CODES = SCHEMA / "020_error_codes.sql"
EVENTS = SCHEMA / "136_registered_events.sql"

# What a server may lack to which a dump is restored.
ROLES = SCHEMA / "010_roles.sql"


def sql_files(folder: Path) -> list[Path]:
    """The files of a folder in the order in which they are loaded: by name, but `v_…` before all others.

    Views for people and for metrics read the `v_…` views, never the other way round.
    """
    return sorted(folder.glob("*.sql"), key=lambda path: (not path.name.startswith("v_"), path.name))


def makes_triggers(path: Path) -> bool:
    """Whether loading this file locks a table."""
    return re.search(rb"^create or replace trigger ", path.read_bytes(), re.MULTILINE) is not None


def grants() -> Iterator[bytes]:
    """What the files of db/schema give to the roles and take from PUBLIC, a statement each."""
    for path in sql_files(SCHEMA):
        yield from re.findall(rb"^(?:grant|revoke) [^;]+;", path.read_bytes(), re.MULTILINE)


def load(
    connection: psycopg.Connection[Any], folder: Path, chosen: Callable[[Path], bool] = lambda path: True
) -> None:
    """Runs the files of `folder`, each as one text without parameters (so `%` and `;` mean nothing here)."""
    for path in filter(chosen, sql_files(folder)):
        try:
            connection.execute(path.read_bytes())
        except psycopg.Error as error:
            error.add_note(f"in {folder.name}/{path.name}")
            raise


def fingerprint() -> str:
    """One value for all that every migrate loads: another in the database, another release."""
    digest = hashlib.sha256()
    tables = (RIGHTS, *CHECKS, ERROR_CODES, EVENTS)
    for path in (*tables, *sql_files(FUNCTIONS), *sql_files(VIEWS), *sorted(RUNBOOKS.glob("*.toml"))):
        digest.update(path.name.encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()
