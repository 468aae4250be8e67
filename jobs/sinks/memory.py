"""Sinks that keep nothing beyond the process: what rehearsals and benchmarks publish to."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence

from jobs.sinks import Event, Refusal


class Nowhere:
    """A sink that accepts everything at once, and proves it: what is left is our own work."""

    proves_delivery = True
    keeps_order = True

    def deliver(self, events: Sequence[Event]) -> Mapping[int, Refusal]:
        return {}

    def close(self) -> None:
        pass


class Receiver(Nowhere):
    """Notes each event, and when it arrives (time.monotonic_ns)."""

    def __init__(self) -> None:
        self.received: list[tuple[Event, int]] = []

    def deliver(self, events: Sequence[Event]) -> Mapping[int, Refusal]:
        at = time.monotonic_ns()
        self.received += [(event, at) for event in events]
        return {}
