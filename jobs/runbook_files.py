"""The runbooks as files: db/runbooks, one a runbook, both languages side by side, so that neither lags."""

import tomllib
from functools import cache
from pathlib import Path
from typing import Any

from jobs.errors import LeadguardError
from jobs.paths import RUNBOOKS


def runbook_files() -> list[Path]:
    return sorted(RUNBOOKS.glob("*.toml"))


def read_runbooks() -> list[dict[str, Any]]:
    """Every runbook as `internal.store_runbooks` takes it; its id is the file's name."""
    return [{"runbook": path.stem, **_read(path)} for path in runbook_files()]


def _read(path: Path) -> dict[str, Any]:
    try:
        return _parsed(path.read_text("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise LeadguardError(f"{path.name} cannot be read: {error}") from error


@cache
def _parsed(text: str) -> dict[str, Any]:
    """What a text says; parsing all of them takes longer than storing them."""
    return tomllib.loads(text)
