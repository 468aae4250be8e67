"""Two ways of doing something, timed in turns: what slows the machine down for a while slows both down."""

from __future__ import annotations

import itertools
import statistics
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from psycopg import RawCursor
from psycopg.pq import ExecStatus
from psycopg.pq.abc import PGresult
from psycopg.rows import tuple_row

from jobs.database import Connection

Seconds = float
Run = Callable[[int], Seconds]  # given the number of the round

_DONE = (ExecStatus.COMMAND_OK, ExecStatus.TUPLES_OK)


@dataclass(frozen=True)
class Result:
    """What was measured, and its bound; None where a figure is shown for comparison alone."""

    name: str
    comparison: Literal[">=", "<=", "<"]
    bound: float | None
    measured: float
    lowest: float
    highest: float
    rounds: int
    ours_ms: float  # median of one operation, or of a round
    bare_ms: float | None
    unit: str = ""

    @property
    def passed(self) -> bool:
        if self.bound is None:
            return True
        if self.comparison == ">=":
            return self.measured >= self.bound
        return self.measured < self.bound or (self.comparison == "<=" and self.measured == self.bound)


class Prepared(Protocol):
    """A prepared statement that is run many times, each its own transaction."""

    def run_all(self, rows: Iterable[Sequence[object]]) -> Seconds:
        """Runs it once for each row of parameters; returns the seconds."""
        ...


class Query:
    """As an application runs it: by a cursor of psycopg, the rows fetched as Python's values.

    One cursor for all, $1 in the query, plain tuples: the least that the driver can cost.
    """

    def __init__(self, connection: Connection, query: str) -> None:
        self._cursor = RawCursor(connection, row_factory=tuple_row)
        self._query = query.encode()

    def run_all(self, rows: Iterable[Sequence[object]]) -> Seconds:
        cursor, query = self._cursor, self._query
        given = list(rows)
        started = time.perf_counter()
        for row in given:
            cursor.execute(query, row, prepare=True)
            if cursor.description:
                cursor.fetchall()
        return time.perf_counter() - started


class Statement:
    """Run below psycopg's cursors: libpq sends and receives, nobody reads the rows."""

    _numbers = itertools.count()

    def __init__(self, connection: Connection, query: str) -> None:
        self._connection = connection.pgconn
        self._name = f"bench_{next(self._numbers)}".encode()
        self._check(self._connection.prepare(self._name, query.encode()))

    def run_all(self, rows: Iterable[Sequence[object]]) -> Seconds:
        encoded = [[str(value).encode() for value in row] for row in rows]
        execute, name = self._connection.exec_prepared, self._name
        started = time.perf_counter()
        answers = [execute(name, row) for row in encoded]
        seconds = time.perf_counter() - started
        for answer in answers:
            self._check(answer)
        return seconds

    @staticmethod
    def _check(answer: PGresult) -> None:
        if answer.status not in _DONE:
            raise RuntimeError(answer.error_message.decode())


def in_turns(ours: Run, other: Run, seconds: float, least: int = 5) -> list[tuple[Seconds, Seconds]]:
    """Pairs of times of `ours` and `other`, who goes first changing from round to round; round 0 warms up."""
    pairs: list[tuple[Seconds, Seconds]] = []
    started = time.monotonic()
    number = 0
    while len(pairs) < least or time.monotonic() - started < seconds:
        if number % 2:
            first = other(number)
            pair = (ours(number), first)
        else:
            pair = (ours(number), other(number))
        if number:
            pairs.append(pair)
        number += 1
    return pairs


def speed(name: str, pairs: list[tuple[Seconds, Seconds]], bound: float | None, operations: int) -> Result:
    """How many times as fast as the bare table: at least `bound`."""
    return _result(name, ">=", bound, [bare / ours for ours, bare in pairs], pairs, operations)


def cost(name: str, pairs: list[tuple[Seconds, Seconds]], bound: float | None, operations: int) -> Result:
    """How many times as long as the other: at most `bound`."""
    return _result(name, "<=", bound, [ours / other for ours, other in pairs], pairs, operations)


def duration(name: str, times: list[Seconds], bound_ms: float) -> Result:
    """A time in itself, in milliseconds."""
    values = [1000 * seconds for seconds in times]
    median = statistics.median(values)
    return Result(name, "<", bound_ms, median, min(values), max(values), len(values), median, None, "ms")


def _result(
    name: str,
    comparison: Literal[">=", "<="],
    bound: float | None,
    ratios: list[float],
    pairs: list[tuple[Seconds, Seconds]],
    operations: int,
) -> Result:
    ours, other = (1000 * statistics.median(times) / operations for times in zip(*pairs, strict=True))
    median = statistics.median(ratios)
    return Result(name, comparison, bound, median, min(ratios), max(ratios), len(ratios), ours, other)
