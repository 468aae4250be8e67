"""The envelope of brokers and webhooks: CloudEvents 1.0 in binary mode, the body is the event itself."""

from collections.abc import Mapping
from functools import lru_cache

from cloudevents.core.bindings.http import to_binary
from cloudevents.core.formats.json import JSONFormat
from cloudevents.core.v1.event import CloudEvent

from jobs.sinks import Event
from jobs.sinks.structured import of_event, of_type, source


def headers(event: Event) -> dict[str, str]:
    """The event's attributes as headers: `ce-id`, `ce-type`, ..., and `content-type`.

    What is the same for all events of a type the SDK says once; an id, a moment and a number need no
    encoding, and a batch of thousands does not wait for it.
    """
    told = dict(_of_type(event.event_type, source()))
    told.update({f"ce-{name}": value for name, value in of_event(event).items()})
    return told


@lru_cache(maxsize=256)
def _of_type(event_type: str, source: str) -> Mapping[str, str]:
    constant = to_binary(CloudEvent(of_type(event_type, source), b""), JSONFormat()).headers
    # The SDK makes up these two where they are not given.
    return {name: value for name, value in constant.items() if name not in ("ce-id", "ce-time")}
