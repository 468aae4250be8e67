"""`stdout:` and `file:`: one JSON object a line. They prove nothing: a line written is not a line read."""

import os
import sys
from io import FileIO
from typing import BinaryIO

from jobs.errors import UsageProblem


class LineSink:
    """Writes each event as one line of UTF-8.

    It keeps its own buffer over an unbuffered file: Python writes out its buffered ones at exit, and a
    publisher that is told to stop must not wait then for a reader who has stopped reading.
    """

    proves_delivery = False

    def __init__(self, file: BinaryIO, owned: bool) -> None:
        self._file = file
        self._owned = owned
        self._lines = bytearray()

    def send(self, payload: str) -> None:
        # In JSON a line break can only stand between members, where a blank says the same.
        self._lines += payload.replace("\n", " ").encode("utf-8") + b"\n"

    def flush(self) -> None:
        while self._lines:
            del self._lines[: self._file.write(self._lines) or 0]
        if self._owned:
            os.fsync(self._file.fileno())

    def close(self) -> None:
        try:
            if self._owned:
                self._file.close()
        except OSError:
            # What matters has been flushed, or its failure has been reported by then.
            pass


def to_stdout() -> LineSink:
    return LineSink(FileIO(sys.stdout.fileno(), "wb", closefd=False), owned=False)


def to_file(path: str) -> LineSink:
    if not path:
        raise UsageProblem("file: needs a path", "For example file:events.jsonl")
    return LineSink(FileIO(path, "ab"), owned=True)
