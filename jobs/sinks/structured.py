"""CloudEvents in structured mode: any sink without headers, but for the envelope around each event."""

from collections.abc import Mapping, Sequence

from jobs.sinks import Event, Refusal, Sink
from jobs.sinks.cloudevent import enveloped


class Structured:
    """Hands each event to another sink in its envelope, the same bytes each time."""

    def __init__(self, sink: Sink) -> None:
        self._sink = sink

    @property
    def proves_delivery(self) -> bool:
        return self._sink.proves_delivery

    @property
    def keeps_order(self) -> bool:
        return self._sink.keeps_order

    def deliver(self, events: Sequence[Event]) -> Mapping[int, Refusal]:
        return self._sink.deliver([event._replace(payload=enveloped(event)) for event in events])

    def close(self) -> None:
        self._sink.close()
