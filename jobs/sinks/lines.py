"""`stdout:` and `file:`: one JSON object a line. They prove nothing: a line written is not a line read."""

import os
import sys
from pathlib import Path
from typing import BinaryIO

from jobs.errors import UsageProblem


class LineSink:
    """Writes each event as one line of UTF-8."""

    proves_delivery = False

    def __init__(self, stream: BinaryIO, owned: bool) -> None:
        self._stream = stream
        self._owned = owned

    def send(self, payload: str) -> None:
        # In JSON a line break can only stand between members, where a blank says the same.
        self._stream.write(payload.replace("\n", " ").encode("utf-8") + b"\n")

    def flush(self) -> None:
        self._stream.flush()
        if self._owned:
            os.fsync(self._stream.fileno())

    def close(self) -> None:
        try:
            if self._owned:
                self._stream.close()
        except OSError:
            # What matters has been flushed, or its failure has been reported by then.
            pass


def to_stdout() -> LineSink:
    return LineSink(sys.stdout.buffer, owned=False)


def to_file(path: str) -> LineSink:
    if not path:
        raise UsageProblem("file: needs a path", "For example file:events.jsonl")
    return LineSink(Path(path).open("ab"), owned=True)
