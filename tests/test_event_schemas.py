"""Events as consumers see them: schemas, what the system really writes, what a change may not break."""

from __future__ import annotations

import copy
import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg.rows import dict_row
from psycopg.types.json import Jsonb

from docs import events, released
from docs.generate import promised

# jsonschema imports it for formats of addresses, which no event has; it makes forty grammars, for seconds.
sys.modules.setdefault("rfc3987_syntax", None)  # type: ignore[arg-type]  # None: as if it were not installed
from jsonschema import Draft202012Validator  # noqa: E402

Connect = Callable[..., psycopg.Connection[Any]]
Event = dict[str, Any]

_FORMATS = Draft202012Validator.FORMAT_CHECKER


def load(path: Path) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(path.read_text("utf-8"))
    return document


SCHEMAS = {path.name: load(path) for path in sorted(events.FOLDER.glob("*.schema.json"))}
BY_TYPE = {schema["properties"]["event_type"]["const"]: schema for schema in SCHEMAS.values()}


def validator(schema: dict[str, Any]) -> Draft202012Validator:
    return Draft202012Validator(schema, format_checker=_FORMATS)


@pytest.fixture(scope="module")
def registry(database_url: str) -> list[events.EventType]:
    with psycopg.connect(database_url, row_factory=dict_row) as connection:
        return events.read(connection)


# --- the files --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", SCHEMAS)
def test_a_schema_is_one_and_its_example_an_event(name: str) -> None:
    schema = SCHEMAS[name]
    Draft202012Validator.check_schema(schema)
    assert schema["$schema"] == events.JSON_SCHEMA
    for example in schema["examples"]:
        validator(schema).validate(example)


@pytest.mark.parametrize("event_format", events.STANDARD_FORMATS)
def test_the_validator_used_here_looks_at_formats(event_format: str) -> None:
    assert not Draft202012Validator({"format": event_format}, format_checker=_FORMATS).is_valid("none")


def references(document: Any) -> Iterator[str]:
    if isinstance(document, dict):
        for key, value in document.items():
            if key == "$ref":
                yield value
            else:
                yield from references(value)
    elif isinstance(document, list):
        for value in document:
            yield from references(value)


def test_every_reference_of_the_asyncapi_document_leads_somewhere() -> None:
    document = load(events.FOLDER / "asyncapi.json")
    named = set(references(document))
    assert {name.removeprefix("./") for name in named if not name.startswith("#/")} == set(SCHEMAS)
    for name in named:
        if name.startswith("#/"):
            target = document
            for part in name.removeprefix("#/").split("/"):
                target = target[part]
            assert target, name


def test_the_links_of_the_catalogue_lead_somewhere() -> None:
    page = (events.FOLDER / "README.md").read_text("utf-8")
    headings = {
        line.removeprefix("## ").replace(".", "").replace(",", "").replace(" ", "-")
        for line in page.splitlines()
        if line.startswith("## ")
    }
    links = [part.partition(")")[0] for part in page.split("](")[1:]]
    assert len(links) > 2 * len(SCHEMAS)
    for link in links:
        assert link[1:] in headings if link.startswith("#") else (events.FOLDER / link).exists(), link


# --- what the system writes -------------------------------------------------------------------------------

# Every procedure and trigger that writes a lead.* event, in every way that it does.
_LIVES = """
    insert into leads (id, user_id, created_at)
    select i, 7, now() - interval '80 days' from generate_series(8101, 8106) as i;
    insert into leads (id, user_id, created_at) values (8107, 7, now() - interval '7 months');
    insert into leads (id, user_id, created_at, converted_at)
    values (8108, 7, now() - interval '2 days', now() - interval '1 day');
    select * from dispatch_due_reminders(100);
    update lead_reminders set sent_at = now() - interval '5 days' where lead_id in (8101, 8102);
    update lead_reminders set sent_at = now() - interval '11 days' where lead_id between 8103 and 8106;
    insert into lead_activities (lead_id, user_id, activity_type)
    values (8101, 7, 'QUALIFIED_CALL'), (8102, 7, 'QUALIFIED_CALL');
    insert into leads (id, user_id, created_at)
    select i, 7, now() - interval '61 days' from generate_series(8111, 8119) as i;
    select * from dispatch_due_reminders(100);
    insert into lead_activities (lead_id, user_id, activity_type)
    select i, 7, 'QUALIFIED_CALL' from generate_series(8111, 8113) as i;
    insert into lead_activities (lead_id, user_id, activity_type) values (8114, 7, 'QUALIFIED_CALL');
    call create_lead_hold(8111, 7, 'price list');
    call create_lead_hold(8112, 7, 'price list', 3, now(), now() + interval '3 days');
    call create_lead_hold(8113, 7, 'price list');
    call release_lead_hold(8111, 7);
    delete from lead_holds where lead_id = 8112;
    call extend_lead_protection(8111, 7, '1 month', 'tender', 3);
    update leads set user_id = 8 where id in (8111, 8113, 8108);
    update leads set converted_at = now() where id in (8111, 8114);
    update leads set converted_at = null where id = 8111;
    update leads set user_id = 9 where id = 8114;
    select * from expire_due_protections(100);
    call reinstate_lead_protection(8107, 7, 'our mistake', 3);
    call create_lead_hold(8107, 7, 'price list');
    delete from leads where id between 8101 and 8119;
"""


def test_every_event_of_a_lead_validates(fresh_database: str, connect: Connect) -> None:
    connection = connect(fresh_database)
    connection.execute(_LIVES.encode())
    rows = connection.execute("select payload::text from outbox order by id").fetchall()
    written = [json.loads(row[0]) for row in rows]
    for event in written:
        validator(BY_TYPE[event["event_type"]]).validate(event)
    types = {name for name in BY_TYPE if name.startswith("lead.")}
    assert {event["event_type"] for event in written} == types
    assert {event["metadata"].get("previousState") for event in written} >= {"REMINDER_DUE", "GRACE"}
    reasons = {(event["event_type"].rpartition(".")[2], event["reason"]) for event in written}
    assert reasons >= {
        ("activated", "conversion_reverted"),
        ("expired", "inactivity"),
        ("ended", "converted"),
        ("ended", "deleted"),
        ("released", None),
        ("released", "deleted"),
    }


_PLAIN = ("lead_id", "user_id", "reason")
_COMMON = {"event_id", "event_type", "timestamp", "lead_id", "user_id", "reason", "metadata"}


def test_a_module_writes_what_validates(fresh_database: str, connect: Connect) -> None:
    connection = connect(fresh_database)
    for event_type, schema in BY_TYPE.items():
        if event_type.startswith("lead."):
            continue
        event = schema["examples"][0]
        own = {key: value for key, value in event.items() if key not in _COMMON}
        connection.execute(
            "select internal.write_module_event(%s, now(), %s::bigint, %s::bigint, %s, %s, %s)",
            [event_type, *(event[name] for name in _PLAIN), Jsonb(own), Jsonb(event["metadata"])],
        )
    rows = connection.execute("select payload::text from outbox order by id").fetchall()
    assert len(rows) == sum(not name.startswith("lead.") for name in BY_TYPE)
    for row in rows:
        event = json.loads(row[0])
        validator(BY_TYPE[event["event_type"]]).validate(event)
        assert list(event)[:5] == ["event_id", "event_type", "timestamp", "lead_id", "user_id"]
        assert list(event)[-2:] == ["reason", "metadata"]


# --- the check of the database and the schemas agree ------------------------------------------------------

# Each in the place of each member.
_VALUES: list[Any] = [
    None,
    True,
    0,
    -17,
    1.5,
    9007199254740993,
    "",
    "x",
    "X y",
    "EXPIRED",
    "converted",
    "inactivity",
    "10_day_expiry_reminder",
    "term",
    "24h",
    "a" * 63,
    "a" * 64,
    "5f0c3a52-73a0-4b66-a7c1-2f6f3c1d9e10",
    "5f0c3a52-73a0-4b66-a7c1-2f6f3c1d9e1",
    "2026-02-28",
    "2026-02-30",
    "2024-02-29",
    "26-02-28",
    "2026-02-28T13:04:00Z",
    "2026-02-28T13:04:00.5Z",
    "2026-02-30T13:04:00.000000Z",
    "2026-02-28T24:04:00.000000Z",
    "2026-02-28T13:60:00.000000Z",
    "2026-02-28T13:04:00.000000+01:00",
    "2026-02-28T13:04:00.000000",
    "2026-02-28 13:04:00.000000Z",
    "2026-2-28T13:04:00Z",
    " 2026-02-28T13:04:00Z",
    "2026-02-28T13:04:00.1234567Z",
    "２026-02-28T13:04:00Z",
    "infinity",
    [],
    ["2026-02-28T13:04:00Z"],
    [17],
    {},
    {"event_id": "x"},
]


def bent(event: Event) -> Iterator[Event]:
    """The event, and others that part from it in one place."""
    yield event
    for path in [[key] for key in event] + [["metadata", key] for key in event["metadata"]]:
        for value in (..., *_VALUES):
            other = copy.deepcopy(event)
            parent = other if len(path) == 1 else other[path[0]]
            if value is ...:
                del parent[path[-1]]
            else:
                parent[path[-1]] = value
            yield other
    for name in ("note", "current_state", "sample_request_id", "Event_id"):
        yield {"lead_id": None, **event, name: event.get(name, 1)}
    yield {**event, "metadata": {**event["metadata"], "note": "x"}}


# Columns follow the payload, so that only what the type says can be at fault.
_JUDGE = """
    create function pg_temp.judge(p_event_type text, p_payload json) returns boolean language plpgsql as $$
    begin
        insert into public.outbox (event_id, event_type, lead_id, user_id, payload)
        values (
            case
                when p_payload ->> 'event_id' ~ '^[0-9a-f-]{36}$' then (p_payload ->> 'event_id')::uuid
                else gen_random_uuid()
            end,
            p_event_type,
            case when p_payload ->> 'lead_id' ~ '^-?[0-9]+$' then (p_payload ->> 'lead_id')::bigint end,
            case when p_payload ->> 'user_id' ~ '^-?[0-9]+$' then (p_payload ->> 'user_id')::bigint end,
            p_payload
        );
        delete from public.outbox;
        return true;
    exception when sqlstate 'LP027' then
        return false;
    end
    $$
"""


@pytest.mark.parametrize("event_type", BY_TYPE)
def test_the_database_and_the_schema_agree(event_type: str, database_url: str, connect: Connect) -> None:
    connection = connect(database_url, autocommit=False)
    connection.execute(_JUDGE.encode())
    # The source is stricter in this alone: it adds no member that is not in the registry.
    closed = validator({**BY_TYPE[event_type], "additionalProperties": False})
    corpus = list(bent(BY_TYPE[event_type]["examples"][0]))
    rows = connection.execute(
        "select pg_temp.judge(%s, p.payload)"
        " from unnest(%s::json[]) with ordinality as p (payload, n) order by n",
        [event_type, [json.dumps(event) for event in corpus]],
    ).fetchall()
    connection.rollback()
    judged = {True: 0, False: 0}
    for event, (is_accepted,) in zip(corpus, rows, strict=True):
        assert closed.is_valid(event) == is_accepted, event
        judged[is_accepted] += 1
    assert judged[True] > 2
    assert judged[False] > 200


def test_a_consumer_accepts_an_event_that_has_grown() -> None:
    for schema in SCHEMAS.values():
        example = schema["examples"][0]
        grown = {**example, "grown": 1, "metadata": {**example["metadata"], "grown": "x"}}
        validator(schema).validate(grown)


# --- what a change may not break --------------------------------------------------------------------------


def test_the_registry_breaks_nothing_that_was_promised(registry: list[events.EventType]) -> None:
    assert released.broken(promised(), released.promises(registry)) == []


def test_all_that_is_released_is_frozen(registry: list[events.EventType]) -> None:
    assert promised() == released.promises(registry)
    # A draft is none of them yet.
    assert len(promised()) == len({event.event_type for event in registry if event.is_released})
    assert len(promised()) > 10


def members(change: str, where: str) -> str:
    return f"update event_type_members set {change} where {where}"  # noqa: S608  # a test's own text


def new_member(values: str) -> str:
    columns = "scope, member, since_version, position, json_types, is_required, description"
    return f"insert into event_type_members ({columns}) values ({values}, 'x')"  # noqa: S608  # as above


# As a hand in the registry would; and what is to be said of it.
_BREAKS = {
    "a type that is gone": (
        "delete from event_types where event_type = 'lead.hold.created'",
        "lead.hold.created, version 1: is gone, or not released any more",
    ),
    "a type taken back": (
        "update event_types set is_released = false where event_type = 'lead.hold.created'",
        "lead.hold.created, version 1: is gone, or not released any more",
    ),
    "a member that is gone": (
        "delete from event_type_members where member = 'sample_request_id'",
        "sample.request.lost, version 1: sample_request_id is gone",
    ),
    "a key of metadata that is gone": (
        "delete from event_type_members where member = 'metadata.holdId'",
        "lead.hold.released, version 1: metadata.holdId is gone",
    ),
    "a member under another name": (
        members("member = 'window_size'", "member = 'time_window'"),
        "cost.per_lead.budget_exceeded, version 1: time_window is gone",
    ),
    "a member that may be null": (
        members("json_types = '{string,\"null\"}'", "member = 'protection_expires_at'"),
        (
            "lead.hold.created, version 1: protection_expires_at:"
            " json_types was ['string'], is ['null', 'string']"
        ),
    ),
    "a member that is never null any more": (
        members("json_types = '{integer}'", "scope = '*' and member = 'lead_id'"),
        "sample.request.lost, version 1: lead_id: json_types was ['integer', 'null'], is ['integer']",
    ),
    "a member of another type": (
        members("json_types = '{string}'", "member = 'metadata.daysRemaining'"),
        (
            "lead.protection.reminder, version 1: metadata.daysRemaining:"
            " json_types was ['integer'], is ['string']"
        ),
    ),
    "a member that may be missing": (
        members("is_required = false", "member = 'budget_eur'"),
        "cost.per_lead.budget_exceeded, version 1: budget_eur: is_required was True, is False",
    ),
    "a member that must be there": (
        members("is_required = true", "member = 'metadata.endAt'"),
        "lead.hold.created, version 1: metadata.endAt: is_required was False, is True",
    ),
    "a new member that must be there": (
        new_member("'lead.*', 'lead_name', 1, 80, '{string}', true"),
        "lead.hold.created, version 1: lead_name is new and required: what was published before lacks it",
    ),
    "a value more": (
        members("allowed = allowed || '{GRACE}'", "scope = 'lead.*' and allowed is not null"),
        (
            "lead.hold.created, version 1: current_state: allowed was ['EXPIRED', 'PROTECTED'],"
            " is ['EXPIRED', 'GRACE', 'PROTECTED']"
        ),
    ),
    "a value fewer": (
        members("allowed = '{1h}'", "member = 'time_window'"),
        (
            "cost.per_lead.budget_exceeded, version 1: time_window:"
            " allowed was ['1h', '24h', '30d', '7d'], is ['1h']"
        ),
    ),
    "any value": (
        members("allowed = null", "scope = 'lead.protection.ended' and member = 'reason'"),
        "lead.protection.ended, version 1: reason: allowed was ['converted', 'deleted'], is None",
    ),
    "another format": (
        members("format = null", "scope = '*' and member = 'timestamp'"),
        "lead.hold.created, version 1: timestamp: format was date-time, is None",
    ),
    "another form in one family": (
        new_member("'sample.*', 'timestamp', 1, 30, '{integer}', true"),
        "sample.request.lost, version 1: timestamp: json_types was ['string'], is ['integer']",
    ),
}


@pytest.mark.parametrize("change", _BREAKS)
def test_a_change_that_breaks_a_consumer_is_refused(change: str, database_url: str, connect: Connect) -> None:
    statement, fault = _BREAKS[change]
    connection = connect(database_url, autocommit=False, row_factory=dict_row)
    connection.execute(statement.encode())
    found = released.broken(promised(), released.promises(events.read(connection)))
    connection.rollback()
    assert fault in found


_GROWTH = (
    new_member("'lead.*', 'region_id', 1, 80, '{integer}', false"),
    new_member("'lead.hold.*', 'metadata.actorId', 1, 250, '{integer,\"null\"}', false"),
    members("description = 'Said better.', position = position + 1", "true"),
    (
        "insert into event_types (event_type, version, description, is_released)"
        " values ('lead.hold.created', 2, 'x', true), ('lead.protection.frozen', 1, 'x', true)"
    ),
    new_member("'lead.hold.created', 'current_state', 2, 60, '{}', false"),
)


def test_growth_is_none(database_url: str, connect: Connect) -> None:
    connection = connect(database_url, autocommit=False, row_factory=dict_row)
    for statement in _GROWTH:
        connection.execute(statement.encode())
    now = released.promises(events.read(connection))
    connection.rollback()
    assert released.broken(promised(), now) == []
    assert "current_state" in now["lead.hold.created"]["1"]
    assert "current_state" not in now["lead.hold.created"]["2"]
    # And an event with what is new is one for those who know the old schema.
    assert now["lead.protection.frozen"]["1"].keys() == now["lead.protection.activated"]["1"].keys()
