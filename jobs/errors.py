"""Errors as a person and a program read them: one line, a hint, an exit code; never a traceback."""

import json

import psycopg

from jobs.exits import Exit


class LeadguardError(Exception):
    """Ends a command with one clear line, an optional hint and a documented exit code."""

    def __init__(self, message: str, hint: str | None = None, code: Exit = Exit.REFUSED) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.code = code
        self.sqlstate: str | None = None
        # When another try makes sense, unless there is news before; None: whoever tries again decides.
        self.retry_seconds: float | None = None

    def render(self, as_json: bool) -> str:
        """The text for stderr."""
        if as_json:
            return json.dumps({"error": self.message, **self.fields()}, ensure_ascii=False)
        return f"Error: {self.message}" + (f"\nHint: {self.hint}" if self.hint else "")

    def fields(self) -> dict[str, str | int | None]:
        """What a machine may want beside the message."""
        return {"hint": self.hint, "exit_code": int(self.code), "sqlstate": self.sqlstate}


class UsageProblem(LeadguardError):
    """The caller can put this right: a wrong option, file or mapping."""

    def __init__(self, message: str, hint: str | None = None) -> None:
        super().__init__(message, hint, Exit.USAGE)


def one_line(text: str) -> str:
    """Server messages may span lines; a log line must not."""
    return " ".join(text.split())


def describe(error: psycopg.Error) -> str:
    """The code, the fact and the detail of a refusal, in one line."""
    fact = one_line(error.diag.message_primary or str(error) or type(error).__name__)
    detail = one_line(error.diag.message_detail or "")
    code = f"{error.sqlstate}: " if error.sqlstate else ""
    notes = "".join(f", {note}" for note in getattr(error, "__notes__", ()))
    return f"{code}{fact}" + (f" ({detail})" if detail else "") + notes


# The schema is absent, incomplete or older than this program.
_NOT_MIGRATED = (
    psycopg.errors.UndefinedTable,
    psycopg.errors.UndefinedFunction,
    psycopg.errors.UndefinedColumn,
    psycopg.errors.InvalidSchemaName,
)

_WHO_MAY = (
    "This database user lacks a right. Have it granted the role for its work: lead_operations to a person,"
    " lead_worker to a worker; migrate and import need the owner of the database."
)


def from_database(error: psycopg.Error) -> LeadguardError:
    """What a psycopg error means for the caller of a command."""
    if isinstance(error, _NOT_MIGRATED):
        wrapped = LeadguardError(
            f"the database lacks something this program needs: {describe(error)}",
            "Run `leadguard migrate` with the same database URL.",
            Exit.NOT_MIGRATED,
        )
    elif _connection_lost(error):
        wrapped = LeadguardError(
            f"the database could not be reached: {one_line(str(error))}",
            "Check --database-url, DATABASE_URL or the PG* variables, and that the server is up.",
            Exit.UNREACHABLE,
        )
    else:
        wrapped = LeadguardError(f"the database refused: {describe(error)}", _hint(error), Exit.REFUSED)
    wrapped.sqlstate = error.sqlstate
    return wrapped


def _connection_lost(error: psycopg.Error) -> bool:
    # Class 08: connection exceptions; 57P: shut down; 53300: too many connections. A failure to
    # connect at all carries no SQLSTATE.
    if not isinstance(error, (psycopg.OperationalError, psycopg.InterfaceError)):
        return False
    state = error.sqlstate
    return state is None or state.startswith(("08", "57P")) or state == "53300"


def _hint(error: psycopg.Error) -> str | None:
    if isinstance(error, psycopg.errors.QueryCanceled):
        return (
            "Nothing of it was kept. If nobody cancelled it, the role's statement_timeout is too short for"
            " this work, or a long transaction stood in its way (see pg_stat_activity)."
        )
    if error.diag.message_hint:
        return one_line(error.diag.message_hint)
    return _WHO_MAY if isinstance(error, psycopg.errors.InsufficientPrivilege) else None
