"""The process of `leadguard run`: starts the workers, watches over them, and stops them."""

import queue
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from types import FrameType
from typing import Any

from jobs import __version__, logs
from jobs.database import Database
from jobs.errors import LeadguardError
from jobs.worker import Job, Worker

_STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT)
# What a cancelled batch needs to be rolled back and its worker to end.
_LAST_SECONDS = 5.0


class Daemon:
    """Starts the workers, watches over them, and stops them."""

    def __init__(self, database: Database, jobs: list[Job]) -> None:
        # Safe to put into from a signal handler, which an Event is not to set.
        self._inbox: queue.SimpleQueue[signal.Signals | tuple[Worker, LeadguardError | None]]
        self._inbox = queue.SimpleQueue()
        self._stopping = threading.Event()
        self._workers = [Worker(job, database, self._stopping, self._ended) for job in jobs]
        self._log = logs.logger("run")

    def _ended(self, worker: Worker, error: LeadguardError | None) -> None:
        self._inbox.put((worker, error))

    def run(self, grace: float) -> bool:
        """Works until SIGTERM or SIGINT; whether every worker ended in time.

        Raises what made a worker give up. A second signal cuts the grace short.
        """
        with self._signals():
            for worker in self._workers:
                worker.start()
            said = self._inbox.get()
            self._stopping.set()
            running = set(self._workers)
            fatal = self._note(said, running)
            fatal = self._await(running, grace, fatal)
            for worker in running:
                worker.cut_short()
            fatal = self._await(running, _LAST_SECONDS, fatal)
        if fatal is not None:
            raise fatal
        for worker in running:
            self._log.error("%s hangs and is left behind; what it had not committed is undone", worker.name)
        return not running

    def _await(
        self, running: set[Worker], seconds: float, fatal: LeadguardError | None
    ) -> LeadguardError | None:
        until = time.monotonic() + seconds
        while running:
            try:
                said = self._inbox.get(timeout=max(0.0, until - time.monotonic()))
            except queue.Empty:
                break
            if isinstance(said, signal.Signals):
                self._log.warning("%s again: batches in hand are cut short", said.name)
                break
            error = self._note(said, running)
            fatal = fatal or error
        return fatal

    def _note(
        self, said: signal.Signals | tuple[Worker, LeadguardError | None], running: set[Worker]
    ) -> LeadguardError | None:
        if isinstance(said, signal.Signals):
            self._log.info("%s: stopping", said.name)
            return None
        worker, error = said
        running.discard(worker)
        return error

    @contextmanager
    def _signals(self) -> Iterator[None]:
        def stop(number: int, _frame: FrameType | None) -> None:
            self._inbox.put(signal.Signals(number))

        previous = {number: signal.signal(number, stop) for number in _STOP_SIGNALS}
        try:
            yield
        finally:
            for number, handler in previous.items():
                signal.signal(number, handler)

    # What the health endpoint tells

    def alive(self) -> tuple[bool, dict[str, Any]]:
        """Whether every loop turns; a database that is away is no reason to start this process anew."""
        told = {worker.name: worker.is_turning() for worker in self._workers}
        return self._report(told)

    def ready(self) -> tuple[bool, dict[str, Any]]:
        """Whether the database answers, and each worker has had a success lately."""
        told = {worker.name: worker.is_turning() and worker.is_recent() for worker in self._workers}
        return self._report(told, reachable=self._is_reachable())

    def _is_reachable(self) -> bool:
        conditions = [worker.condition for worker in self._workers]
        has_answered = any(condition.success is not None for condition in conditions)
        return has_answered and not any(condition.is_unreachable for condition in conditions)

    def _report(self, told: dict[str, bool], reachable: bool | None = None) -> tuple[bool, dict[str, Any]]:
        well = all(told.values()) and reachable is not False and not self._stopping.is_set()
        body: dict[str, Any] = {"status": "ok" if well else "failing", "version": __version__}
        if self._stopping.is_set():
            body["status"] = "stopping"
        if reachable is not None:
            body["database"] = "reachable" if reachable else "unreachable"
        body["workers"] = {worker.name: _condition(worker, told[worker.name]) for worker in self._workers}
        return well, body


def _condition(worker: Worker, is_well: bool) -> dict[str, Any]:
    condition = worker.condition
    age = None if condition.success is None else round(time.monotonic() - condition.success, 3)
    return {
        "status": "ok" if is_well else "failing",
        "last_success": _text(condition.success_at),
        "last_success_age_seconds": age,
        "last_error": condition.error,
        "last_error_at": _text(condition.error_at),
        "failures_in_a_row": condition.failures,
    }


def _text(moment: datetime | None) -> str | None:
    return moment.astimezone(UTC).isoformat(timespec="milliseconds") if moment else None
