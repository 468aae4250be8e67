"""What CloudEvents 1.0 says of an event, and its structured mode: the envelope around the event."""

import json
import os
import re
from collections.abc import Mapping, Sequence

from jobs.sinks import Event, Refusal, Sink

# The member as Leadguard writes it: near the beginning, before any text that is not ours.
_TIMESTAMP = re.compile(r'"timestamp"\s*:\s*"([^"\\]+)"')


def source() -> str:
    return os.environ.get("LEADGUARD_EVENT_SOURCE") or "urn:leadguard"


def of_type(event_type: str, source: str) -> dict[str, str]:
    """The attributes that all events of a type share."""
    return {"specversion": "1.0", "type": event_type, "source": source, "datacontenttype": "application/json"}


def of_event(event: Event) -> dict[str, str]:
    """Those of its own: what it does not have is absent, nothing is made up."""
    told = {"id": event.event_id}
    if found := _TIMESTAMP.search(event.payload):
        told["time"] = found[1]
    if event.lead_id is not None:
        told["subject"] = f"lead/{event.lead_id}"
    return told


class Structured:
    """Hands each event to another sink in its envelope: one JSON object, its `data` the event as it is."""

    def __init__(self, sink: Sink) -> None:
        self._sink = sink

    @property
    def proves_delivery(self) -> bool:
        return self._sink.proves_delivery

    @property
    def keeps_order(self) -> bool:
        return self._sink.keeps_order

    def deliver(self, events: Sequence[Event]) -> Mapping[int, Refusal]:
        return self._sink.deliver([event._replace(payload=_enveloped(event)) for event in events])

    def close(self) -> None:
        self._sink.close()


def _enveloped(event: Event) -> str:
    attributes = json.dumps({**of_type(event.event_type, source()), **of_event(event)})
    return f'{attributes[:-1]}, "data": {event.payload}}}'
