"""Where events go: one URL chooses the sink."""

from collections.abc import Callable
from typing import Protocol

from jobs.database import Database
from jobs.errors import LeadguardError, UsageProblem
from jobs.exits import Exit
from jobs.sinks import lines, notify


class SinkFailed(LeadguardError):
    """The sink did not take an event; it stays in the outbox."""

    def __init__(self, message: str) -> None:
        hint = "Nothing is lost: what was not acknowledged goes out with the next pass."
        super().__init__(message, hint, Exit.SINK_FAILED)


class Sink(Protocol):
    """Takes events; `flush` returns only when everything sent so far has been accepted."""

    @property
    def proves_delivery(self) -> bool:
        """Whether an acceptance proves that the event has arrived somewhere that keeps it."""

    def send(self, payload: str) -> None:
        """Takes one event, as the text that stands in the outbox."""

    def flush(self) -> None:
        """Hands everything over. After an OSError nothing counts as accepted; all of it is sent again."""

    def close(self) -> None:
        """Lets go of the sink; never fails."""


# One entry a scheme. A later sink adds itself here and nowhere else.
SINKS: dict[str, Callable[[str, Database], Sink]] = {
    "stdout": lambda rest, database: lines.to_stdout(),
    "file": lambda rest, database: lines.to_file(rest),
    "notify": lambda rest, database: notify.to_channel(database, rest),
}


def open_sink(url: str, database: Database) -> Sink:
    """The sink that `url` names, opened; `notify:` notifies in `database`."""
    scheme, colon, rest = url.partition(":")
    if not colon or scheme not in SINKS:
        known = ", ".join(f"{name}:" for name in SINKS)
        raise UsageProblem(f"unknown sink: {url}", f"LEADGUARD_SINK or --sink takes one of: {known}")
    try:
        return SINKS[scheme](rest, database)
    except OSError as error:
        raise SinkFailed(f"the sink {url} cannot be opened: {error}") from error
