"""The exit codes of `leadguard`: the one place that lists them (`leadguard --help` prints this list)."""

from enum import IntEnum
from textwrap import fill


class Exit(IntEnum):
    """What a cron job or a script may branch on; a code never changes its meaning."""

    DONE = 0
    REFUSED = 1
    USAGE = 2
    UNREACHABLE = 3
    NEWER = 4
    SOME_ROWS_REFUSED = 5
    SINK_FAILED = 6
    NOT_MIGRATED = 7
    NOT_RIGHT = 8
    LOCKED = 9
    NO_BACKUP = 10
    INTERRUPTED = 130

    @property
    def meaning(self) -> str:
        """One line for a person."""
        return MEANINGS[self]


MEANINGS: dict[Exit, str] = {
    Exit.DONE: "done",
    Exit.REFUSED: "the database refused (its code, such as LP003, and its hint are printed)",
    Exit.USAGE: "wrong usage: an unknown option, a missing file, a file without the columns it needs",
    Exit.UNREACHABLE: "the database could not be reached, or the connection was lost",
    Exit.NEWER: "the database is newer than this program",
    Exit.SOME_ROWS_REFUSED: "done, but some rows were refused (they stand in the file named)",
    Exit.SINK_FAILED: "the sink, the mail server or standard output failed; the next pass goes on",
    Exit.NOT_MIGRATED: "the database lacks something this program needs: run `leadguard migrate`",
    Exit.NOT_RIGHT: "something is not right: differences (verify), a FAIL (check, migrate; a WARN with check"
    " --strict), a bound missed (rehearse), an exercise not solved (drill)",
    Exit.LOCKED: "a lock was not to be had in time: what was done is whole; migrate again",
    Exit.NO_BACKUP: "the backup could not be made (nothing was changed), or not be restored",
    Exit.INTERRUPTED: "interrupted (Ctrl-C or SIGTERM)",
}


def help_text() -> str:
    """The list as it stands in `leadguard --help`."""
    lines = (f"  {code.value:>3}  {code.meaning}" for code in Exit)
    # With the margin of the help: as wide as the rest of it.
    wrapped = (fill(line, 78, subsequent_indent=" " * 7, break_on_hyphens=False) for line in lines)
    return "\n".join(["Exit codes:", *wrapped])
