"""docs/events: the JSON Schema files that consumers download, an AsyncAPI document and a catalogue to read.

All of it is made from the registry of events in the database (event_types, event_type_members).
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg

FOLDER = Path(__file__).with_name("events")
RELEASED = FOLDER / "released.json"

JSON_SCHEMA = "https://json-schema.org/draft/2020-12/schema"
# AsyncAPI names no media type for this draft; it is the one that the files themselves declare.
SCHEMA_FORMAT = "application/schema+json;version=2020-12"

# Beside "format", which a validator may pass over.
PATTERNS = {
    "date-time": r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}([.][0-9]{1,6})?Z$",
    "date": r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$",
    "uuid": r"^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$",
    "code": r"^[a-z0-9_]{1,63}$",
}
STANDARD_FORMATS = ("date-time", "date", "uuid")

_TYPES = "select event_type, version, description, is_released from public.event_types"
_MEMBERS = """
    select member, json_types, format, allowed, is_required, description
      from public.v_event_type_members
     where event_type = %(event_type)s and version = %(version)s
     order by position, member
"""


@dataclass(frozen=True)
class Member:
    """A row of v_event_type_members."""

    member: str
    json_types: list[str]
    format: str | None
    allowed: list[str] | None
    is_required: bool
    description: str = ""


@dataclass(frozen=True)
class EventType:
    """A version of a type with its members, in their order."""

    event_type: str
    version: int
    description: str
    is_released: bool
    members: list[Member] = field(default_factory=list)

    @property
    def name(self) -> str:
        return f"{self.event_type}.v{self.version}"

    @property
    def file(self) -> str:
        return f"{self.name}.schema.json"


def read(connection: psycopg.Connection[dict[str, Any]]) -> list[EventType]:
    """The registry of a migrated database."""
    events = [
        EventType(**row, members=[Member(**member) for member in connection.execute(_MEMBERS, row)])
        for row in connection.execute(_TYPES).fetchall()
    ]
    return sorted(events, key=lambda event: (event.event_type, event.version))


# --- JSON Schema ------------------------------------------------------------------------------------------


def schema(event: EventType) -> dict[str, Any]:
    """The schema of an event. It is open: within a version members may be added, and consumers go on."""
    top = [member for member in event.members if "." not in member.member]
    return {
        "$schema": JSON_SCHEMA,
        "$id": f"urn:leadguard:event:{event.event_type}:v{event.version}",
        "title": f"{event.event_type}, version {event.version}",
        "description": event.description,
        "type": "object",
        "properties": {member.member: _property(event, member) for member in top},
        "required": [member.member for member in top if member.is_required],
        "additionalProperties": True,
        "$comment": "Within a version members may be added: take what you know, pass over the rest.",
        "examples": [example(event)],
    }


def _property(event: EventType, member: Member) -> dict[str, Any]:
    types = member.json_types
    told: dict[str, Any] = {
        "description": member.description,
        "type": types[0] if len(types) == 1 else types,
    }
    if member.member == "event_type":
        told["const"] = event.event_type
    if member.allowed is not None:
        told["enum"] = [*member.allowed, *([None] if "null" in types else [])]
    if member.format in STANDARD_FORMATS:
        told["format"] = member.format
    if member.format is not None:
        told["pattern"] = PATTERNS[member.format]
    if types == ["object"]:
        keys = [part for part in event.members if part.member.startswith(f"{member.member}.")]
        told["properties"] = {part.member.partition(".")[2]: _property(event, part) for part in keys}
        told["required"] = [part.member.partition(".")[2] for part in keys if part.is_required]
        told["additionalProperties"] = True
    return told


# Values that a reader recognises; any other member gets one of its type.
_EXAMPLES: dict[str, Any] = {
    "event_id": "5f0c3a52-73a0-4b66-a7c1-2f6f3c1d9e10",
    "timestamp": "2026-05-05T13:04:00.000000Z",
    "lead_id": 4711,
    "user_id": 7,
    "protection_expires_at": "2026-05-15T13:04:00.000000Z",
    "metadata.daysRemaining": 10,
    "metadata.previousUserId": 8,
    "metadata.productType": "coffee",
    "metadata.urgency": "NORMAL",
    "metadata.eventType": "wedding",
    "metadata.capacityTier": "STANDARD",
    "metadata.responseSeconds": 5400,
    "team": "north",
    "cost_per_lead_eur": 26.5,
    "budget_eur": 25,
}
_BY_FORMAT = {
    "date-time": "2026-05-05T13:00:00.000000Z",
    "date": "2026-05-05",
    "uuid": "5f0c3a52-73a0-4b66-a7c1-2f6f3c1d9e11",
    "code": "code",
}
_BY_TYPE: dict[str, Any] = {"integer": 17, "number": 1.5, "boolean": True, "string": "text", "null": None}


def example(event: EventType) -> dict[str, Any]:
    """An event of this version, its members in their order."""
    told: dict[str, Any] = {}
    for member in event.members:
        parent, _, key = member.member.rpartition(".")
        (told[parent] if parent else told)[key] = _example(event, member)
    return told


def _example(event: EventType, member: Member) -> Any:
    if member.member == "event_type":
        return event.event_type
    if member.member in _EXAMPLES:
        return _EXAMPLES[member.member]
    if member.allowed is not None:
        return member.allowed[0]
    if member.json_types == ["object"]:
        return {}
    if "null" in member.json_types:
        return None
    return _BY_FORMAT[member.format] if member.format else _BY_TYPE[member.json_types[0]]


# --- AsyncAPI ---------------------------------------------------------------------------------------------

_HEADERS = {
    "type": "object",
    "description": "CloudEvents 1.0, binary mode: the body is the event itself.",
    "properties": {
        "ce-specversion": {"const": "1.0"},
        "ce-id": {"type": "string", "format": "uuid", "description": "The event_id."},
        "ce-type": {"type": "string", "description": "The event_type."},
        "ce-source": {"type": "string", "description": "urn:leadguard, or what this installation says."},
        "ce-time": {"type": "string", "format": "date-time", "description": "The timestamp."},
        "ce-subject": {"type": "string", "description": "lead/4711; absent where there is no lead."},
        "content-type": {"const": "application/json"},
    },
    "required": ["ce-specversion", "ce-id", "ce-type", "ce-source", "content-type"],
}


def asyncapi(events: list[EventType]) -> dict[str, Any]:
    """All types as one AsyncAPI 3.0 document; payloads are referred to in their files."""
    by_type: dict[str, list[EventType]] = {}
    for event in events:
        by_type.setdefault(event.event_type, []).append(event)
    return {
        "asyncapi": "3.0.0",
        "id": "urn:leadguard",
        "info": {
            "title": "Leadguard events",
            "version": "1.0.0",
            "description": "What Leadguard tells other modules: at least once, per lead in order of commit.",
        },
        "defaultContentType": "application/json",
        "channels": {
            name: {
                "address": name,
                "title": name,
                "description": versions[-1].description,
                "messages": {
                    event.name: {"$ref": f"#/components/messages/{event.name}"} for event in versions
                },
            }
            for name, versions in by_type.items()
        },
        "operations": {
            f"send.{name}": {
                "action": "send",
                "summary": versions[-1].description,
                "channel": {"$ref": f"#/channels/{name}"},
                "messages": [{"$ref": f"#/channels/{name}/messages/{event.name}"} for event in versions],
            }
            for name, versions in by_type.items()
        },
        "components": {
            "messages": {
                event.name: {
                    "name": event.event_type,
                    "title": f"{event.event_type}, version {event.version}",
                    "summary": event.description,
                    "contentType": "application/json",
                    "headers": {"$ref": "#/components/schemas/headers"},
                    "payload": {"schemaFormat": SCHEMA_FORMAT, "schema": {"$ref": f"./{event.file}"}},
                    "examples": [{"payload": example(event)}],
                }
                for event in events
            },
            "schemas": {"headers": _HEADERS},
        },
    }


# --- the catalogue ----------------------------------------------------------------------------------------

_INTRODUCTION = """\
# Events

Every change that another module may care about, told once it is committed, at least once. Generated from the
registry in the database (`event_types`, `event_type_members`) by `./run docs`; edit
`db/schema/136_registered_events.sql`.

- **Body**: JSON, the members below. Beside this page lies a schema (JSON Schema 2020-12) for each version
  of a type; [asyncapi.json](asyncapi.json) has them all in one document (AsyncAPI 3.0).
- **Where**: in NATS under the subject `STREAM.<event type>` (filter `STREAM.lead.>`), its `event_id` as
  `Nats-Msg-Id`; in RabbitMQ in the topic exchange, the type as routing key (bind a queue with `lead.#`); to a
  webhook one POST an event, signed after Standard Webhooks (check `webhook-id`, `webhook-timestamp` and
  `webhook-signature`; any 2xx accepts it). Which of them: `leadguard publish --help`.
- **Envelope**: CloudEvents 1.0, in binary mode where the transport has headers (NATS, RabbitMQ, webhook):
  `ce-id` is the `event_id`, `ce-type` the type, `ce-time` the timestamp, `ce-source` `urn:leadguard` (or
  what `LEADGUARD_EVENT_SOURCE` says), `ce-subject` is `lead/4711`, absent where there is no lead. `stdout:`
  and `file:` carry the body alone, a line each, and `notify:` does: of a body above 7,900 bytes only
  `{"event_id": "…"}`, by which it is found in `outbox` or `outbox_archive`. With `?mode=structured` behind
  their URL these three carry a CloudEvent in structured mode: the attributes, and the body as `data`.
- **Once**: an event may arrive again, byte for byte, under the same `event_id`: remember those you have
  handled.
- **Order**: per lead, the order in which the changes were committed. Events of different leads have none.
- **Growth**: within a version members, and keys of `metadata`, may be added; nothing else changes. Read
  what you know and pass over the rest. [released.json](released.json) holds what consumers rely on, and a
  change that would break one is refused. What must change otherwise becomes a new version beside the old
  one.
- **Moments** are RFC 3339 in UTC, with a `Z`. **Free text** never goes into an event: ids and codes do.
- **Checked at the source**: what does not match its type does not enter the outbox (`LP026`, `LP027`).
"""


def catalogue(events: list[EventType]) -> str:
    lines = [_INTRODUCTION, "| type | version | when |", "| --- | --- | --- |"]
    for event in events:
        state = "" if event.is_released else " (draft)"
        lines.append(
            f"| [`{event.event_type}`](#{_anchor(event)}) | [{event.version}{state}]({event.file})"
            f" | {event.description} |"
        )
    for event in events:
        lines += ["", f"## {_heading(event)}", "", event.description, ""]
        lines += ["| member | type | required | |", "| --- | --- | --- | --- |"]
        lines += [
            f"| `{member.member}` | {_type(event, member)} | {'yes' if member.is_required else ''}"
            f" | {member.description} |"
            for member in event.members
        ]
        lines += ["", "```json", json.dumps(example(event), indent=2), "```"]
    return "\n".join(lines) + "\n"


def _heading(event: EventType) -> str:
    return f"{event.event_type}, version {event.version}"


def _anchor(event: EventType) -> str:
    """As GitHub makes it of the heading."""
    return _heading(event).replace(".", "").replace(",", "").replace(" ", "-")


def _type(event: EventType, member: Member) -> str:
    if member.member == "event_type":
        return f'`"{event.event_type}"`'
    texts = [f'`"{value}"`' for value in member.allowed or ()]
    told = [", ".join(texts) if name == "string" and texts else name for name in member.json_types]
    return " or ".join(told) + (f" ({member.format})" if member.format else "")


# --- files ------------------------------------------------------------------------------------------------


def to_json(document: Any) -> str:
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def files(events: list[EventType]) -> dict[Path, str]:
    """Everything in docs/events but released.json."""
    return {
        FOLDER / "README.md": catalogue(events),
        FOLDER / "asyncapi.json": to_json(asyncapi(events)),
        **{FOLDER / event.file: to_json(schema(event)) for event in events},
    }
