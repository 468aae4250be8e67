"""Where events go: one URL chooses the sink."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from jobs.database import Database
from jobs.errors import LeadguardError, UsageProblem
from jobs.exits import Exit

VARIABLE = "LEADGUARD_SINK"


class Event(NamedTuple):
    """One event as the outbox has it; `payload` is the very text that stands there."""

    id: int
    event_id: str
    event_type: str
    lead_id: int | None
    payload: str


@dataclass(frozen=True)
class Refusal:
    """Why the sink did not take one event, while the sink itself works."""

    reason: str
    retry_after: float | None = None  # seconds that the other side asks for; None: as the outbox thinks fit
    is_final: bool = False  # another attempt would end the same way


class SinkFailed(LeadguardError):
    """The sink is down; what it did not name as accepted stays in the outbox, and no attempt is counted.

    It may name what it refused all the same, for reasons of those events; and what it refused for reasons
    that speak of the sink, while it took nothing. If that is one event alone, the fault may be its own.
    """

    def __init__(
        self,
        message: str,
        accepted: frozenset[int] = frozenset(),
        refused: Mapping[int, Refusal] | None = None,
        doubted: Mapping[int, Refusal] | None = None,
    ) -> None:
        hint = "Nothing is lost: what was not acknowledged goes out with the next pass."
        super().__init__(message, hint, Exit.SINK_FAILED)
        self.accepted = accepted
        self.refused = refused or {}
        self.doubted = doubted or {}


class Sink(Protocol):
    """Takes events; what `deliver` has returned from is accepted, but for what it refuses."""

    @property
    def proves_delivery(self) -> bool:
        """Whether an acceptance proves that the event has arrived somewhere that keeps it."""

    @property
    def keeps_order(self) -> bool:
        """Whether several events of one lead may stand in one call: they arrive in order or not at all.

        Such a sink refuses no event. To any other one no call has two events of one lead.
        """

    def deliver(self, events: Sequence[Event]) -> Mapping[int, Refusal]:
        """Hands over all of them at once, and returns when each is accepted or refused: by id, why.

        Raises SinkFailed (or OSError) when the sink is down, also when it takes none of them for a reason
        that speaks of the sink: nothing counts as accepted then but what SinkFailed names. It never takes
        longer than a fraction of a lease (half a minute).
        """

    def close(self) -> None:
        """Lets go of the sink; never fails."""


def _stdout(rest: str, _database: Database) -> Sink:
    from jobs.sinks import lines

    return _in_mode(rest, lines.to_stdout)


def _file(rest: str, _database: Database) -> Sink:
    from jobs.sinks import lines

    return _in_mode(rest, lines.to_file)


def _notify(rest: str, database: Database) -> Sink:
    from jobs.sinks import notify

    return _in_mode(rest, lambda channel: notify.to_channel(database, channel))


def _in_mode(rest: str, opened: Callable[[str], Sink]) -> Sink:
    """A sink without headers: the event alone, or with `?mode=structured` its envelope around it."""
    target, option, mode = rest.rpartition("?mode=")
    if not option:
        return opened(rest)
    if mode != "structured":
        raise UsageProblem(
            f"?mode={mode}: there is one, structured", "Without ?mode= the event alone goes out."
        )
    from jobs.sinks.structured import Structured

    return Structured(opened(target))


def _nats(scheme: str) -> Callable[[str, Database], Sink]:
    def opened(rest: str, _database: Database) -> Sink:
        try:
            from jobs.sinks import nats
        except ImportError as error:
            raise needs("nats", error) from error
        return nats.to_stream(f"{scheme}:{rest}")

    return opened


def _amqp(scheme: str) -> Callable[[str, Database], Sink]:
    def opened(rest: str, _database: Database) -> Sink:
        try:
            from jobs.sinks import amqp
        except ImportError as error:
            raise needs("amqp", error) from error
        return amqp.to_exchange(f"{scheme}:{rest}")

    return opened


def _webhook(scheme: str) -> Callable[[str, Database], Sink]:
    def opened(rest: str, database: Database) -> Sink:
        try:
            from jobs.sinks import webhook
        except ImportError as error:
            raise needs("webhook", error) from error
        return webhook.to_receiver(f"{scheme}:{rest}", database)

    return opened


# One entry a scheme: given what follows the colon, it opens the sink. What a broker needs is imported only
# when it is chosen. A later sink adds itself here and nowhere else.
SINKS: dict[str, Callable[[str, Database], Sink]] = {
    "stdout": _stdout,
    "file": _file,
    "notify": _notify,
    "nats": _nats("nats"),
    "tls": _nats("tls"),  # as NATS's own clients name it
    "amqp": _amqp("amqp"),
    "amqps": _amqp("amqps"),
    "https": _webhook("https"),
    "http": _webhook("http"),
}


def open_sink(url: str, database: Database) -> Sink:
    """The sink that `url` names, opened; `notify:` notifies in `database`."""
    scheme, colon, rest = url.partition(":")
    if not colon or scheme not in SINKS:
        known = ", ".join(f"{name}:" for name in SINKS)
        raise UsageProblem(f"unknown sink: {scheme}", f"{VARIABLE} or --sink takes one of: {known}")
    try:
        return SINKS[scheme](rest, database)
    except OSError as error:
        raise SinkFailed(f"the sink {scheme}: cannot be opened: {error}") from error


def needs(extra: str, error: ImportError) -> UsageProblem:
    """What to say when the library of a sink is missing."""
    return UsageProblem(
        f"this sink needs a library that is not installed: {error.name or error}",
        f"pip install 'leadguard[{extra}]'",
    )
