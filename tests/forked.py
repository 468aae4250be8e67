"""`leadguard` in processes of their own that have everything imported already.

Starting Python and importing costs ten times what most commands do. So a server that has imported all of it
once forks for each: a process with its own arguments, environment, streams, signals and exit code that runs
`main()`. That the program also starts by itself is for the tests of its ways in: test_cli.py, test_wheel.py,
test_docker.py.
"""

from __future__ import annotations

import io
import multiprocessing
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from multiprocessing.connection import wait
from multiprocessing.reduction import DupFd
from pathlib import Path
from typing import IO, Any, TypeAlias

ROOT = Path(__file__).resolve().parent.parent

# One server for all, whoever is first: what it imports is said here alone.
CONTEXT = multiprocessing.get_context("forkserver")
CONTEXT.set_forkserver_preload(["tests.preloaded"])

# multiprocessing looks after all children when it starts one: never in two threads at once.
_LOCK = threading.Lock()

# What an interpreter reads when it starts: who changes one of these needs an interpreter of his own.
_READ_AT_START = ("PYTHON", "LC_", "LANG", "LD_")


Process: TypeAlias = "Program | subprocess.Popen[str]"


def start(
    arguments: Sequence[str],
    environment: Mapping[str, str],
    *,
    stdin: str = "",
    stdout: int | None = None,
    program: Sequence[str] = (),
) -> Process:
    """Starts `leadguard`: the one of this checkout, or an installed one that `program` is to execute.

    What it prints can be read, unless `stdout` is an open file's number.
    """
    changed = {
        name
        for name, value in environment.items()
        if name.startswith(_READ_AT_START) and os.environ.get(name) != value
    }
    if not program and changed <= {"PYTHONPATH"}:
        return Program(arguments, environment, stdin, stdout)
    with _file(stdin) as given:
        return subprocess.Popen(
            [*(program or (sys.executable, "-m", "jobs.cli")), *arguments],
            env=environment,
            stdin=given,
            stdout=subprocess.PIPE if stdout is None else stdout,
            stderr=subprocess.PIPE,
            text=True,
            encoding="utf-8",
        )


@contextmanager
def _file(text: str) -> Iterator[IO[bytes]]:
    with tempfile.TemporaryFile() as file:
        file.write(text.encode())
        file.seek(0)
        yield file


class Program:
    """A running `leadguard`: what tests use of subprocess.Popen, in text mode."""

    def __init__(
        self, arguments: Sequence[str], environment: Mapping[str, str], stdin: str, stdout: int | None
    ) -> None:
        with _file(stdin) as given, ExitStack() as theirs:

            def pipe() -> tuple[IO[str], int]:
                reader, writer = os.pipe()
                theirs.callback(os.close, writer)
                return os.fdopen(reader, encoding="utf-8"), writer

            self.stderr, error = pipe()
            self.stdout, out = pipe() if stdout is None else (io.StringIO(), stdout)
            streams = _Streams([given.fileno(), out, error])
            self._process = CONTEXT.Process(
                target=_main, args=(list(arguments), dict(environment), streams), daemon=True
            )
            with _LOCK:
                self._process.start()

    @property
    def pid(self) -> int:
        assert self._process.pid is not None
        return self._process.pid

    @property
    def returncode(self) -> int | None:
        with _LOCK:
            return self._process.exitcode

    def poll(self) -> int | None:
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        wait([self._process.sentinel], timeout)
        code = self.returncode
        if code is None:
            raise subprocess.TimeoutExpired("leadguard", timeout or 0)
        return code

    def communicate(self, timeout: float | None = None) -> tuple[str, str]:
        """What it prints until it ends."""
        said = {"stdout": "", "stderr": ""}

        def read(name: str, file: IO[str]) -> None:
            with file:
                said[name] = file.read()

        readers = [
            threading.Thread(target=read, args=(name, file), daemon=True)
            for name, file in (("stdout", self.stdout), ("stderr", self.stderr))
            if not file.closed
        ]
        for reader in readers:
            reader.start()
        self.wait(timeout)
        for reader in readers:
            reader.join(timeout)
        return said["stdout"], said["stderr"]

    def send_signal(self, number: int) -> None:
        if self.returncode is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)


class _Streams:
    """Open files on their way to a child, where they become its streams 0, 1 and 2."""

    def __init__(self, descriptors: Sequence[int]) -> None:
        self.descriptors = descriptors

    def __reduce__(self) -> tuple[Any, ...]:
        return _received, tuple(DupFd(descriptor) for descriptor in self.descriptors)


def _received(*sent: Any) -> _Streams:
    return _Streams([each.detach() for each in sent])


def _main(arguments: list[str], environment: dict[str, str], streams: _Streams) -> None:
    """The child: what system and interpreter do when a program is started, then the program."""
    for number, descriptor in enumerate(streams.descriptors):
        os.dup2(descriptor, number)
        os.close(descriptor)
    os.environ.clear()
    os.environ.update(environment)
    time.tzset()
    sys.argv = ["leadguard", *arguments]
    sys.stdin = os.fdopen(0, encoding="utf-8", errors="surrogateescape", closefd=False)
    sys.stdout = os.fdopen(1, "w", encoding="utf-8", errors="surrogateescape", closefd=False)
    sys.stderr = os.fdopen(2, "w", buffering=1, encoding="utf-8", errors="backslashreplace", closefd=False)
    from jobs import cli

    cli.main()
