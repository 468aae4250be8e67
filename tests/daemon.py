"""`leadguard` as a process of its own, for tests: `leadguard run` with its log, its health, its signals."""

from __future__ import annotations

import json
import os
import signal
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from typing import Any, Self

from tests import forked
from tests.forked import ROOT, Process

# A daemon in a hurry: every job of `leadguard run`, and how often.
QUICK_JOBS = {"remind": 0.2, "expire": 0.2, "publish": 0.2, "breaches": 0.2, "refresh": 0.5, "maintain": 1}
QUICK = tuple(word for job, seconds in QUICK_JOBS.items() for word in (f"--{job}-every", str(seconds)))

PATIENCE = 60.0  # far more than anything takes; a machine under load is no failure


def environment(url: str, **more: str) -> dict[str, str]:
    """What a program of ours needs to find the database, and nothing of the caller's."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PG", "LEADGUARD_"))}
    return {**kept, "DATABASE_URL": url, "PYTHONPATH": str(ROOT), **more}


def start(url: str, *arguments: str, **more: str) -> Process:
    """Starts a command; what it prints is read with communicate()."""
    return forked.start(arguments, environment(url, **more))


def eventually(holds: Callable[[], Any], what: str, patience: float = PATIENCE) -> Any:
    """Waits until `holds` returns something true, and returns that."""
    deadline = time.monotonic() + patience
    while not (found := holds()):
        assert time.monotonic() < deadline, f"it never came to pass that {what}"
        time.sleep(0.05)
    return found


class Daemon:
    """A running `leadguard run` with JSON logs and a health endpoint; a context manager that ends it."""

    def __init__(
        self,
        url: str,
        *arguments: str,
        variables: dict[str, str] | None = None,
        start: Callable[..., Process] = forked.start,
    ) -> None:
        words = ["run", "--health", "127.0.0.1:0", *arguments]
        self.process = start(words, {**environment(url), **(variables or {}), "LEADGUARD_LOG": "json"})
        self.log: list[dict[str, Any]] = []
        self.noise: list[str] = []  # whatever on stderr is no JSON object
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stderr
        for line in self.process.stderr:
            try:
                self.log.append(json.loads(line))
            except ValueError:
                self.noise.append(line)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.wait()
        self._reader.join(PATIENCE)
        assert self.process.stderr
        self.process.stderr.close()

    def said(self, logger: str, part: str) -> list[dict[str, Any]]:
        """The log lines of one worker (or `run`) that contain this text."""
        return [line for line in self.log if line["logger"] == logger and part in line["message"]]

    def waits_for(self, logger: str, part: str, times: int = 1) -> None:
        """Waits until a worker has said something."""
        eventually(lambda: len(self.said(logger, part)) >= times, f"{logger} says {part!r}: {self.log}")

    def ask(self, path: str) -> tuple[int, dict[str, Any]]:
        """GET: the status, and the body."""
        self.waits_for("run", "health on")
        port = self.said("run", "health on")[0]["health_port"]
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=10) as answer:
                return answer.status, json.load(answer)
        except urllib.error.HTTPError as error:
            with error:
                return error.code, json.load(error)

    def is_ready(self) -> bool:
        return self.ask("/readyz")[0] == 200

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Tells it to stop; the exit code."""
        self.process.send_signal(number)
        code = self.process.wait(PATIENCE)
        self._reader.join(PATIENCE)
        return code
