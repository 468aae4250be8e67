"""CSV as people export it: delimiter and encoding are found out, and a broken row breaks only itself."""

import codecs
import csv
import re
import secrets
import shutil
import tempfile
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

from jobs.console import short_name
from jobs.errors import UsageProblem

_DELIMITERS = ";,\t|"
# A tab is hard to type on a command line.
_NAMED = {"tab": "\t", "\\t": "\t"}
_QUOTED = re.compile(r'"[^"]*"')

# A quoted cell may span lines; one that spans more than this was never closed.
_LONGEST_ROW = 100

_SEPARATOR_LINE = re.compile(r'"?sep=(.)"?\s*$')

# The columns that a file of refused rows has in front; an import of that file passes them over.
REFUSED_COLUMNS = ("refused_line", "refused_reason")

# What a spreadsheet program takes for a formula, also behind blanks; a tab or a line end in front it drops.
_FORMULA = re.compile("[\t\r\n]|[\\s\ufeff\u200b]*[-=+@\uff1d\uff0b\uff0d\uff20]")

# How files in wide letters begin; UTF-32's mark begins as that of UTF-16 does.
_WIDE = {
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
# Which of the first four bytes are NUL where there is no mark.
_WITHOUT_MARK = {
    (False, True, False, True): "utf-16-le",
    (True, False, True, False): "utf-16-be",
    (False, True, True, True): "utf-32-le",
    (True, True, True, False): "utf-32-be",
}

# A byte that the encoding does not know, as `surrogateescape` keeps it.
_UNDECODABLE = re.compile("[\udc80-\udcff]")


# What stands for standard input on a command line.
STDIN = Path("-")


def is_stream(path: Path) -> bool:
    """Whether it is standard input or a pipe, under whatever name: it has no folder of its own."""
    return path == STDIN or not path.is_file() or str(path).startswith(("/dev/std", "/dev/fd/"))


@contextmanager
def spooled(path: Path) -> Iterator[Path]:
    """A file that can be read more than once: `path` itself, or a copy of what comes from a stream."""
    if not is_stream(path):
        yield path
        return
    with tempfile.NamedTemporaryFile(prefix="leadguard-") as copy:
        try:
            with open(0 if path == STDIN else path, "rb", closefd=path != STDIN) as stream:
                shutil.copyfileobj(stream, copy)
            copy.flush()
        except OSError as error:
            raise UsageProblem(f"{path} cannot be read: {error.strerror}") from error
        yield Path(copy.name)


def guarded(cell: str) -> str:
    """The cell with an apostrophe in front where a spreadsheet program would take it for a formula."""
    return f"'{cell}" if _FORMULA.match(cell.lstrip("'")) else cell


def unguarded(cell: str) -> str:
    """The cell that `guarded` made this of."""
    return cell[1:] if cell.startswith("'") and guarded(cell) != cell else cell


@dataclass(frozen=True)
class Row:
    """One row: its first line's number in the file, its cells, and what is wrong with it, if anything."""

    line: int
    cells: list[str]
    problem: str | None = None


@dataclass(frozen=True)
class CsvFile:
    """A CSV file whose dialect is known; `shown` is what messages call it."""

    path: Path
    shown: str
    encoding: str
    delimiter: str
    header: list[str]
    skipped: int = 0
    ignored: re.Pattern[str] | None = None
    of_refused: bool = False

    @classmethod
    def open(
        cls,
        path: Path,
        encoding: str | None = None,
        delimiter: str | None = None,
        skip_lines: int = 0,
        ignore_rows: re.Pattern[str] | None = None,
        shown: str | None = None,
    ) -> "CsvFile":
        """Finds out the encoding and the delimiter where they are not given, and reads the header.

        `skip_lines` lines in front of the header are passed over, and every row whose first cell
        `ignore_rows` matches: reports have titles and totals.
        """
        shown = shown or str(path)
        delimiter = _NAMED.get(delimiter or "", delimiter)
        if delimiter is not None and (len(delimiter) != 1 or delimiter in '"\r\n'):
            raise UsageProblem(f"{delimiter!r} is no delimiter", "Give one character, or tab.")
        try:
            refuse_workbook(path, shown)
            encoding = encoding or sniff_encoding(path)
            if codecs.lookup(encoding).name == "utf-8":
                encoding = "utf-8-sig"  # a byte order mark is no part of the first column's name
            lines = list(islice(_lines(path, encoding, shown), skip_lines + 1))
            if lines and lines[0].lstrip('\ufeff"').startswith(REFUSED_COLUMNS[0]):
                skip_lines = 0  # a file of refused rows begins with its header
            # What a spreadsheet program writes for itself in front of all.
            if len(lines) > skip_lines and (told := _SEPARATOR_LINE.match(lines[skip_lines])):
                delimiter = delimiter or told[1]
                skip_lines += 1
            below = islice(_lines(path, encoding, shown), skip_lines, None)
            first = next((line for line in below if line.strip()), "")
        except OSError as error:
            raise UsageProblem(f"{shown} cannot be read: {error.strerror}") from error
        except (LookupError, ValueError) as error:
            raise _unreadable(shown, encoding, error) from error
        delimiter = delimiter or sniff_delimiter(first)
        file = cls(path, shown, encoding, delimiter, [], skip_lines, ignore_rows)
        header = next(file._rows(), None)
        if header is None or header.problem:
            problem = header.problem if header else "it is empty"
            raise UsageProblem(f"{shown} has no header: {problem}", "The first line names the columns.")
        names = [name.strip() for name in header.cells]
        of_refused = tuple(names[: len(REFUSED_COLUMNS)]) == REFUSED_COLUMNS
        if of_refused:
            names = [unguarded(name) for name in names]
        doubled = sorted({name for name in names if name and names.count(name) > 1})
        if doubled:
            raise UsageProblem(f"{shown} names a column twice: {', '.join(doubled)}")
        return replace(file, header=names, of_refused=of_refused)

    def lines(self) -> int:
        """How many line ends the file has: a little more than rows, for a progress bar."""
        with self.path.open("rb") as stream:
            return sum(chunk.count(b"\n") for chunk in iter(lambda: stream.read(1 << 20), b""))

    def rows(self) -> Iterator[Row]:
        """The rows below the header; empty ones are passed over."""
        rows = self._rows()
        next(rows, None)
        for row in rows:
            if self.ignored and self.ignored.match(row.cells[0].strip()):
                continue
            if row.problem is None and len(row.cells) != len(self.header):
                cells, columns = len(row.cells), len(self.header)
                yield Row(row.line, row.cells, f"has {cells} cells where the header has {columns}")
            else:
                yield row

    def _rows(self) -> Iterator[Row]:
        lines = islice(_lines(self.path, self.encoding, self.shown), self.skipped, None)
        waiting: deque[str] = deque()
        number = self.skipped + 1

        def ahead() -> Iterator[str]:
            for index in range(_LONGEST_ROW):
                while len(waiting) <= index:
                    line = next(lines, None)
                    if line is None:
                        return
                    waiting.append(line)
                yield waiting[index]

        for line in iter(lambda: next(ahead(), None), None):
            used, problem = 1, None
            if '"' not in line:
                cells = line.rstrip("\r\n").split(self.delimiter)
            else:
                # A reader a row: it must not swallow the rest of the file after a quote too many.
                reader = csv.reader(ahead(), delimiter=self.delimiter, strict=True)
                try:
                    cells, used = next(reader), reader.line_num
                except csv.Error as error:
                    cells, problem = [line.rstrip("\r\n")], f"is not readable as CSV: {error}"
            if problem is None and _UNDECODABLE.search("".join(cells)):
                problem = f"holds a byte that is not {self.encoding}"
            if self.of_refused:
                cells = [unguarded(cell) for cell in cells]
            if any(cell.strip() for cell in cells):
                yield Row(number, cells, problem)
            for _ in range(used):
                waiting.popleft()
            number += used

    def write_refused(self, target: Path, reasons: dict[int, str]) -> None:
        """Writes the rows of `reasons` (by line) behind their line and reason to `target`.

        The file can be corrected, in a spreadsheet too, and imported as it is: what would be a formula
        there has an apostrophe in front, which the import takes away again.
        """
        # Of rows that are refused again the line and the reason are new.
        own = len(REFUSED_COLUMNS) if self.of_refused else 0

        def writable(reason: str) -> str:
            # A reason may quote what the file's encoding cannot say.
            return reason.encode(self.encoding, "replace").decode(self.encoding).lstrip("\ufeff")

        rows = (
            [str(row.line), writable(reasons[row.line]), *(row.cells[own:] or row.cells)]
            for row in self.rows()
            if row.line in reasons
        )
        # A name of its own: another import of the same file may be at the same point.
        part = target.with_name(f"{target.name}.{secrets.token_hex(4)}.part")
        if target.exists() and not target.is_file():
            part = target  # /dev/null and pipes are written to, never replaced
        try:
            with part.open("w", encoding=self.encoding, errors="surrogateescape", newline="") as stream:
                writer = csv.writer(stream, delimiter=self.delimiter)
                writer.writerow([*REFUSED_COLUMNS, *map(guarded, self.header[own:])])
                writer.writerows(map(guarded, row) for row in rows)
            if part != target:
                part.replace(target)
        finally:
            if part != target:
                part.unlink(missing_ok=True)


def _lines(path: Path, encoding: str, shown: str) -> Iterator[str]:
    with path.open(encoding=encoding, errors="surrogateescape", newline="") as stream:
        try:
            yield from stream
        except UnicodeError as error:
            # In UTF-16 there is no telling where the next letter begins.
            raise _unreadable(shown, encoding, error) from error


def _unreadable(shown: str, encoding: str | None, error: Exception) -> UsageProblem:
    return UsageProblem(f"{shown} cannot be read as {encoding}: {error}", "See --encoding.")


def sniff_delimiter(header: str) -> str:
    """The delimiter that stands most often in the header, outside quotes."""
    bare = _QUOTED.sub("", header)
    return max(_DELIMITERS, key=bare.count) if any(mark in bare for mark in _DELIMITERS) else ","


# How .xlsx and .ods (zip archives both) and .xls begin.
_WORKBOOKS = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1")


def refuse_workbook(path: Path, shown: str) -> None:
    """What a spreadsheet program keeps for itself has no lines; it is said how to get them."""
    with path.open("rb") as stream:
        if stream.read(8).startswith(_WORKBOOKS):
            raise UsageProblem(
                f"{shown} is no CSV file: it is a workbook of a spreadsheet program, or an archive",
                "Open it there, save the sheet as CSV (UTF-8), and import that.",
            )


def told_columns(header: Sequence[str]) -> str:
    """The columns of a file, for whoever looks for one; a name without end is cut short."""
    return f"Its columns are: {', '.join(short_name(name) for name in header if name)}."


def sniff_encoding(path: Path) -> str:
    """UTF-8, UTF-16 and UTF-32 (with or without a byte order mark), else Windows-1252.

    A file that is UTF-8 but for some broken lines stays UTF-8: those lines are refused, instead of
    every umlaut of the others being garbled.
    """
    broken = multibyte = 0
    with path.open("rb") as stream:
        start = stream.read(4)
        for mark, encoding in _WIDE.items():
            if start.startswith(mark):
                return encoding
        # A header begins with a letter, and every other byte of that is a NUL.
        widths = tuple(byte == 0 for byte in start)
        if widths in _WITHOUT_MARK:
            return _WITHOUT_MARK[widths]
        stream.seek(0)
        for line in stream:
            if line.isascii():
                continue
            try:
                line.decode("utf-8")
                multibyte += 1
            except UnicodeDecodeError:
                broken += 1
    return "cp1252" if broken > multibyte else "utf-8-sig"
