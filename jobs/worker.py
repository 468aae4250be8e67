"""One worker of `leadguard run`: a loop over one job with a connection of its own, which no failure ends.

Time is measured by the monotonic clock only: setting the machine's clock neither hurries nor stops a worker.
"""

import random
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import psycopg

from jobs.database import Connection, Database, record_run
from jobs.errors import LeadguardError, from_database
from jobs.exits import Exit
from jobs.logs import logger

# Runs are recorded when the outcome changes and at the end; otherwise at most one row a minute while there
# is work, and one in five minutes while there is none, so that silence is noticed.
_RECORD_WORK_SECONDS = 60.0
_RECORD_SILENCE_SECONDS = 300.0
# A worker that waits shows itself at least this often.
_SLICE_SECONDS = 10.0
# Who listens to the database cannot be woken by anybody else: so long a stop waits for it at most.
_LISTEN_SECONDS = 1.0
# Longer than any batch: a loop that has not turned for so long hangs.
HANGS_AFTER_SECONDS = 300.0

Done = dict[str, int]


class Backoff:
    """How long to wait after each failure in a row: twice as long, and never in step with others."""

    def __init__(self, first: float = 0.5, most: float = 30.0) -> None:
        self._first = first
        self._most = most
        self._failures = 0

    def next(self) -> float:
        """Seconds until the next try: of the full delay at least half."""
        delay = min(self._most, self._first * 2.0 ** min(self._failures, 30))
        self._failures += 1
        return delay * random.uniform(0.5, 1.0)  # noqa: S311  # nobody guesses it to our harm

    def reset(self) -> None:
        self._failures = 0


@dataclass(frozen=True)
class Job:
    """What a worker does: `work` is one pass and says what it did, `wait` ends early when there is news."""

    name: str
    every: float
    work: Callable[[Connection, "Worker"], Done]
    wait: Callable[[Connection, float], bool] | None = None


@dataclass
class Condition:
    """How a worker is doing: moments of the monotonic clock decide, the others are for people."""

    beat: float = field(default_factory=time.monotonic)
    success: float | None = None
    success_at: datetime | None = None
    error: str | None = None
    error_at: datetime | None = None
    failures: int = 0
    is_unreachable: bool = False


class Worker(threading.Thread):
    """Runs a job until told to stop; at the very end calls `ended`, with what made it give up."""

    def __init__(
        self,
        job: Job,
        database: Database,
        stopping: threading.Event,
        ended: Callable[["Worker", LeadguardError | None], None],
    ) -> None:
        super().__init__(name=job.name, daemon=True)
        self.job = job
        self.condition = Condition()
        self._database = database
        self._stopping = stopping
        self._ended = ended
        self._log = logger(job.name)
        self._connection: Connection | None = None
        self._backoff = Backoff()
        self._runs = Runs(job.name)
        self._had_news = False
        self._may_hear = False  # the last failure waits for its time, and for news
        self._false_alarms = 0  # in a row: news, and then nothing that could be done

    # What a job may ask and tell while it works

    def is_stopping(self) -> bool:
        """Whether the job should end with the batch in hand."""
        return self._stopping.is_set()

    def progressed(self) -> None:
        """A batch is done: a pass that takes long is alive all the same."""
        self.condition.beat = self.condition.success = time.monotonic()
        self.condition.success_at = datetime.now(UTC)

    # What others may ask

    def is_turning(self) -> bool:
        return self.is_alive() and time.monotonic() - self.condition.beat < HANGS_AFTER_SECONDS

    def is_recent(self) -> bool:
        """Whether the last success lies no further back than three turns and half a minute."""
        last = self.condition.success
        return last is not None and time.monotonic() - last < 3 * self.job.every + 30

    def cut_short(self) -> None:
        """Cancels what the server is doing for this worker; its batch is rolled back."""
        connection = self._connection
        if connection is not None and not connection.closed:
            try:
                connection.cancel_safe(timeout=2)
            except psycopg.Error:
                pass  # it is gone, and so is what it did

    # The loop

    def run(self) -> None:
        fatal: LeadguardError | None = None
        try:
            while fatal is None and not self._stopping.is_set():
                delay, fatal = self._turn()
                if fatal is None:
                    self._rest(delay)
        except BaseException as error:  # a defect: whoever watches over the workers must hear of it
            self._log.exception("the worker has died")
            fatal = LeadguardError(f"the worker {self.name} has died: {error}")
        finally:
            self._close()
            self._ended(self, fatal)

    def _turn(self) -> tuple[float, LeadguardError | None]:
        """One pass; how long to wait after it, or what there is no point in trying again."""
        self.condition.beat = started = time.monotonic()
        try:
            connection = self._connected()
            done = self.job.work(connection, self)
            self._false_alarms = self._false_alarms + 1 if self._had_news and not any(done.values()) else 0
            self._runs.add(done, time.monotonic() - started)
            self._runs.record_if_due(connection)
        except Exception as error:
            return self._failed(error, time.monotonic() - started)
        self._succeeded()
        return self.job.every, None

    def _connected(self) -> Connection:
        if self._connection is None or self._connection.closed:
            self._connection = self._database.connect(f"leadguard run {self.name}")
            self._log.info("connected")
        return self._connection

    def _succeeded(self) -> None:
        if self.condition.failures:
            self._log.info("works again", extra={"failures": self.condition.failures})
        self.progressed()
        self.condition.failures = 0
        self.condition.is_unreachable = False
        self._backoff.reset()

    def _failed(self, error: Exception, seconds: float) -> tuple[float, LeadguardError | None]:
        if self._stopping.is_set() and isinstance(error, psycopg.errors.QueryCanceled):
            self._log.info("stopped in the middle of a batch: it is rolled back")
            return 0, None
        problem = _as_problem(error)
        condition = self.condition
        condition.error, condition.error_at = problem.message, datetime.now(UTC)
        condition.failures += 1
        condition.is_unreachable = problem.code is Exit.UNREACHABLE
        # Before anything ever worked, a database without our functions is a mistake in the set-up.
        if problem.code is Exit.NOT_MIGRATED and condition.success is None:
            return 0, problem
        delay = self._backoff.next()
        self._may_hear = problem.retry_seconds is not None
        if problem.retry_seconds is not None:
            delay = problem.retry_seconds
        fields = {**problem.fields(), "failures": condition.failures, "retry_seconds": round(delay, 3)}
        defect = None if isinstance(error, (psycopg.Error, LeadguardError, OSError)) else error
        self._log.warning("%s; trying again", problem.message, extra=fields, exc_info=defect)
        self._runs.failed(self._usable(), problem.message, seconds)
        return delay, None

    def _rest(self, seconds: float) -> None:
        """Waits for the next turn and shows itself meanwhile; news ends it early, unless it failed."""
        until = time.monotonic() + seconds
        self._had_news = False
        while not self._stopping.is_set() and (left := until - time.monotonic()) > 0:
            self.condition.beat = time.monotonic()
            hears = self.condition.failures == 0 or self._may_hear
            listening = self._usable() if hears else None
            if self.job.wait is None or listening is None:
                self._stopping.wait(min(left, _SLICE_SECONDS))
            elif self._false_alarms and self._stopping.wait(0.01 * 2 ** min(self._false_alarms, 6)):
                return
            elif self._heard(self.job.wait, listening, min(left, _LISTEN_SECONDS)):
                self._had_news = True
                return

    def _heard(self, wait: Callable[[Connection, float], bool], connection: Connection, most: float) -> bool:
        """Whether there is news, or no connection any more."""
        try:
            return wait(connection, most)
        except psycopg.Error:
            return True  # the next pass finds out what is the matter

    def _usable(self) -> Connection | None:
        return self._connection if self._connection is not None and not self._connection.closed else None

    def _close(self) -> None:
        connection = self._usable()
        if connection is None:
            return
        try:
            self._runs.record(connection)
        except psycopg.Error as error:
            self._log.warning("the last runs could not be recorded: %s", _as_problem(error).message)
        connection.close()


class Runs:
    """What passes add up to until the next row in job_runs, which lasts as long as they worked.

    Work is logged when it is recorded: a publisher that is woken by every event would fill the disk.
    """

    def __init__(self, job: str) -> None:
        self._job = job
        self._start()
        self._recorded: float | None = None
        self._failure: str | None = None  # the one that stands recorded, until something works again

    def _start(self) -> None:
        self._done: Counter[str] = Counter()
        self._passes = 0
        self._seconds = 0.0

    def add(self, done: Done, seconds: float) -> None:
        """A pass that worked."""
        self._done.update(done)
        self._passes += 1
        self._seconds += seconds

    def record_if_due(self, connection: Connection) -> None:
        """Writes the row, unless the last one is too recent to be followed by another."""
        age = None if self._recorded is None else time.monotonic() - self._recorded
        wait = _RECORD_WORK_SECONDS if any(self._done.values()) else _RECORD_SILENCE_SECONDS
        if age is None or age >= wait or self._failure is not None:
            self.record(connection)

    def record(self, connection: Connection) -> None:
        """Writes the row, if there has been a pass since the last one."""
        if not self._passes:
            return
        detail: dict[str, Any] = {**self._done, "passes": self._passes}
        record_run(connection, self._job, self._seconds, "SUCCESS", detail)
        if any(self._done.values()):
            did = ", ".join(f"{name} {count}" for name, count in self._done.items())
            logger(self._job).info(did, extra=detail)
        self._failure = None
        self._recorded = time.monotonic()
        self._start()

    def failed(self, connection: Connection | None, message: str, seconds: float) -> None:
        """A pass that did not work: news is recorded, what is known already every five minutes."""
        age = None if self._recorded is None else time.monotonic() - self._recorded
        is_news = message != self._failure or age is None or age >= _RECORD_SILENCE_SECONDS
        if connection is None or not is_news:
            return
        try:
            self.record(connection)
            record_run(connection, self._job, seconds, "FAILURE", {"error": message[:500]})
        except psycopg.Error:
            return  # what failed has been logged; without a database nothing can be recorded in it
        self._failure = message
        self._recorded = time.monotonic()


def _as_problem(error: Exception) -> LeadguardError:
    if isinstance(error, LeadguardError):
        return error
    if isinstance(error, psycopg.Error):
        return from_database(error)
    return LeadguardError(f"{type(error).__name__}: {error}")
