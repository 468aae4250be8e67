"""Training drills: exercises on a scratch database that the program checks. Each is a file in db/drills.

In a file: `setup`, statements that make the situation, a transaction each; `checks`, what must hold then,
each with what is wrong if it does not; `answer`, a query for what is asked, if something is; `solution`,
statements that do it, the last of which gives the answer. All texts are in German and English.
"""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

import psycopg

from jobs.database import Connection
from jobs.errors import LeadguardError, UsageProblem
from jobs.paths import DRILLS


@dataclass(frozen=True)
class Check:
    """A query for one boolean, and what is wrong if it is not true."""

    sql: str
    wrong: dict[str, str]  # by locale


@dataclass(frozen=True)
class Drill:
    name: str
    position: int
    texts: dict[str, dict[str, str]]  # by locale: title, learn, task
    setup: Sequence[str]
    solution: Sequence[str]
    checks: Sequence[Check]
    answer: str | None

    def text(self, locale: str, what: str) -> str:
        return self.texts[locale][what].strip()


def read_drills() -> list[Drill]:
    """All of them, in the order in which they are to be done."""
    return sorted((_read(path) for path in DRILLS.glob("*.toml")), key=lambda drill: drill.position)


def find_drill(name: str) -> Drill:
    drills = {drill.name: drill for drill in read_drills()}
    if name not in drills:
        raise UsageProblem(f"there is no drill {name}", f"There are: {', '.join(drills)}.")
    return drills[name]


def _read(path: Path) -> Drill:
    try:
        told = tomllib.loads(path.read_text("utf-8"))
        return Drill(
            name=path.stem,
            position=told["position"],
            texts={locale: told[locale] for locale in ("de", "en")},
            setup=_statements(told.get("setup", [])),
            solution=_statements(told["solution"]),
            checks=[
                Check(check["sql"], {"de": check["de"], "en": check["en"]})
                for check in told.get("checks", [])
            ],
            answer=told.get("answer"),
        )
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, KeyError) as error:
        raise LeadguardError(f"{path.name} cannot be read: {error}") from error


def _statements(told: str | list[str]) -> list[str]:
    return [told] if isinstance(told, str) else told


def set_up(connection: Connection, drill: Drill, person: str) -> None:
    """Makes the situation, in a migrated database that is empty."""
    connection.execute("create schema drill")
    connection.execute(
        "create table drill.run (drill text, person text, started_at timestamptz default now())"
    )
    for statement in drill.setup:
        connection.execute(statement.encode())
    connection.execute("insert into drill.run (drill, person) values (%s, %s)", [drill.name, person])


def judge(connection: Connection, drill: Drill, locale: str, answer: str | None) -> list[str]:
    """What is still wrong; nothing: the drill is passed."""
    with connection.transaction():
        connection.execute("set transaction read only")
        wrong = [
            check.wrong[locale]
            for check in drill.checks
            if not _value(connection.execute(check.sql.encode()))
        ]
        if drill.answer is not None:
            right = _value(connection.execute(drill.answer.encode()))
            if answer is None:
                wrong.append(_UNANSWERED[locale])
            elif not _same(answer, str(right)):
                wrong.append(_WRONG_ANSWER[locale])
    return wrong


_UNANSWERED = {
    "de": "Die Frage ist nicht beantwortet (--answer).",
    "en": "The question is not answered (--answer).",
}
_WRONG_ANSWER = {"de": "Die Antwort stimmt nicht.", "en": "The answer is not right."}


def solve(connection: Connection, drill: Drill) -> str | None:
    """Does what the model solution does, and gives its answer."""
    last: psycopg.Cursor[dict[str, Any]] | None = None
    for statement in drill.solution:
        last = connection.execute(statement.encode())
    if drill.answer is None or last is None:
        return None
    while last.nextset():
        pass
    return str(_value(last))


def _value(cursor: psycopg.Cursor[dict[str, Any]]) -> Any:
    """The one value of the one row; none if there is no row."""
    rows = cursor.fetchall()
    return next(iter(rows[0].values())) if len(rows) == 1 else None


def _same(given: str, right: str) -> bool:
    try:
        return Decimal(given.strip()) == Decimal(right)
    except InvalidOperation:
        return given.strip().casefold() == right.casefold()
