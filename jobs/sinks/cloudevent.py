"""The envelope of events: CloudEvents 1.0, in headers where there are such, else around the event."""

import json
import os
import re
from collections.abc import Mapping
from functools import lru_cache

from cloudevents.core.bindings.http import to_binary
from cloudevents.core.formats.json import JSONFormat
from cloudevents.core.v1.event import CloudEvent

from jobs.sinks import Event

# The member as Leadguard writes it: near the beginning, before any text that is not ours.
_TIMESTAMP = re.compile(r'"timestamp"\s*:\s*"([^"\\]+)"')


def headers(event: Event) -> dict[str, str]:
    """The event's attributes as headers: `ce-id`, `ce-type`, ..., and `content-type`.

    What is the same for all events of a type the SDK says once; an id, a moment and a number need no
    encoding, and a batch of thousands does not wait for it.
    """
    told = dict(_of_type(event.event_type, _source()))
    told.update({f"ce-{name}": value for name, value in _own(event).items()})
    return told


def enveloped(event: Event) -> str:
    """The event in structured mode: one JSON object, its `data` the event as it stands."""
    shared = {"specversion": "1.0", **_shared(event.event_type, _source())}
    return f'{json.dumps({**shared, **_own(event)})[:-1]}, "data": {event.payload}}}'


def _source() -> str:
    return os.environ.get("LEADGUARD_EVENT_SOURCE") or "urn:leadguard"


def _shared(event_type: str, source: str) -> dict[str, str]:
    return {"type": event_type, "source": source, "datacontenttype": "application/json"}


def _own(event: Event) -> dict[str, str]:
    told = {"id": event.event_id}
    if found := _TIMESTAMP.search(event.payload):
        told["time"] = found[1]
    if event.lead_id is not None:
        told["subject"] = f"lead/{event.lead_id}"
    return told


@lru_cache(maxsize=256)
def _of_type(event_type: str, source: str) -> Mapping[str, str]:
    constant = to_binary(CloudEvent(_shared(event_type, source), b""), JSONFormat()).headers
    # The SDK makes up these two where they are not given.
    return {name: value for name, value in constant.items() if name not in ("ce-id", "ce-time")}
