"""`stdout:` and `file:`: one JSON object a line. They prove nothing: a line written is not a line read."""

import fcntl
import os
import stat
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from io import FileIO
from pathlib import Path
from typing import BinaryIO

from jobs.errors import UsageProblem
from jobs.sinks import Event, Refusal

# What our events begin with, alone or in an envelope, blanks apart: by it the beginning of one is known
# from another's line.
_OPENINGS = (b'{"event_id"', b'{"specversion"')
_CHUNK = 65536


class LineSink:
    """Writes each event as one line of UTF-8.

    The file is an unbuffered one: Python writes out its buffered ones at exit, and a publisher that is told
    to stop must not wait then for a reader who has stopped reading.
    """

    proves_delivery = False
    keeps_order = True

    def __init__(self, file: BinaryIO) -> None:
        self._file = file

    def deliver(self, events: Sequence[Event]) -> Mapping[int, Refusal]:
        _write(self._file, _lines(events))
        return {}

    def close(self) -> None:
        pass  # standard output stays open


class FileSink:
    """Appends to a file; what is accepted is on the disk, and each event is a line of its own.

    The file is opened for each batch, so that it may be moved away (by logrotate, say), and locked
    meanwhile, so that several publishers may share it. A line that a crash cut short is mended first.
    """

    proves_delivery = False
    keeps_order = True

    def __init__(self, path: Path) -> None:
        self._path = path
        with self._opened():
            pass  # what cannot be opened is told before anything is claimed

    def deliver(self, events: Sequence[Event]) -> Mapping[int, Refusal]:
        with self._opened() as file:
            _mend(file)
            _write(file, _lines(events))
            if stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                os.fsync(file.fileno())  # a pipe has no disk behind it
        return {}

    def close(self) -> None:
        pass  # nothing is open between two batches

    @contextmanager
    def _opened(self) -> Iterator[FileIO]:
        is_new = not self._path.exists()
        # A device or a pipe is only written to: one that is opened for reading, too, is its own reader.
        mode = "ab+" if is_new or self._path.is_file() else "ab"
        with FileIO(str(self._path), mode) as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            if is_new:
                _sync_name(self._path)
            yield file


def _lines(events: Sequence[Event]) -> bytearray:
    # In JSON a line break can only stand between members, where a blank says the same.
    texts = (event.payload.replace("\n", " ") for event in events)
    return bytearray("".join(f"{text}\n" for text in texts).encode("utf-8"))


def _write(file: BinaryIO, lines: bytearray) -> None:
    while lines:
        del lines[: file.write(lines) or 0]


def _mend(file: FileIO) -> None:
    """Ends the file with a whole line: cuts off the beginning of an event, ends any other line.

    An event that stands there in part was never acknowledged, so it comes again as a whole.
    """
    if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
        return
    tail, position = b"", file.seek(0, os.SEEK_END)
    while position and b"\n" not in tail:
        start = max(position - _CHUNK, 0)
        file.seek(start)
        tail = file.read(position - start) + tail
        position = start
    fragment = tail[tail.rfind(b"\n") + 1 :]
    if not fragment:
        return
    begun = bytes(fragment[:_CHUNK]).translate(None, b" ")
    if begun and any(opening.startswith(begun[: len(opening)]) for opening in _OPENINGS):
        file.truncate(file.seek(0, os.SEEK_END) - len(fragment))
    else:
        file.write(b"\n")


def _sync_name(path: Path) -> None:
    """A new file is on the disk only when its name in the directory is."""
    directory = os.open(path.resolve().parent, os.O_RDONLY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)


def to_stdout(rest: str) -> LineSink:
    if rest:
        raise UsageProblem(f"stdout: takes nothing behind it: {rest}", "A file is named by file:PATH.")
    return LineSink(FileIO(sys.stdout.fileno(), "wb", closefd=False))


def to_file(path: str) -> FileSink:
    if not path:
        raise UsageProblem("file: needs a path", "For example file:events.jsonl")
    return FileSink(Path(path))
