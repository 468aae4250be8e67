"""Where events of other modules come from: one URL chooses the source."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from jobs.errors import LeadguardError, UsageProblem
from jobs.exits import Exit
from jobs.sinks import needs


class SourceFailed(LeadguardError):
    """The broker is down; what was not acknowledged it delivers again."""

    def __init__(self, message: str) -> None:
        super().__init__(
            message, "Nothing is lost: the broker delivers again what was not applied.", Exit.SINK_FAILED
        )


@dataclass(frozen=True)
class Message:
    """One message in hand: it is either acknowledged or given back, by whoever holds it."""

    body: bytes
    acknowledge: Callable[[], None]
    give_back: Callable[[], None]


class Source(Protocol):
    """Delivers each message until it is acknowledged, to one consumer at a time."""

    @property
    def shown(self) -> str:
        """Its URL as it may stand in a log and in the database: without a password."""

    def receive(self, most: int, seconds: float) -> Sequence[Message]:
        """What is there, up to so many; waits so long for the first. Raises SourceFailed."""

    def close(self) -> None:
        """Lets go of the source and of all that was not acknowledged; never fails."""


def _nats(url: str) -> Source:
    try:
        from jobs.sources import nats
    except ImportError as error:
        raise needs("nats", error) from error
    return nats.from_stream(url)


def _amqp(url: str) -> Source:
    try:
        from jobs.sources import amqp
    except ImportError as error:
        raise needs("amqp", error) from error
    return amqp.from_queue(url)


SOURCES: dict[str, Callable[[str], Source]] = {"nats": _nats, "tls": _nats, "amqp": _amqp, "amqps": _amqp}


def open_source(url: str) -> Source:
    """The source that `url` names, connected."""
    scheme, colon, _ = url.partition(":")
    if not colon or scheme not in SOURCES:
        known = ", ".join(f"{name}://" for name in SOURCES)
        raise UsageProblem(f"unknown source: {scheme}", f"LEADGUARD_SOURCE or --source takes one of: {known}")
    return SOURCES[scheme](url)
