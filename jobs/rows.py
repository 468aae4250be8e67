"""From the cells of a row to the values of an entity's fields, or the reason why not."""

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from jobs.csvfile import Row
from jobs.dates import parse_day, parse_moment
from jobs.entities import Entity, Kind
from jobs.mapping import Plan

_TRUE = {"true", "t", "yes", "y", "1", "ja", "j", "wahr", "x"}
_FALSE = {"false", "f", "no", "n", "0", "nein", "falsch"}
_LARGEST_INTEGER = 2**63 - 1

LEAD_IDS = ("lead_external_id", "lead_id")

Formats = Mapping[str, tuple[str, ...]]
Reader = Callable[[Row], list[Any]]
# A user's id by the lower-case name or mail address; None where several users share it.
Users = Mapping[str, int | None]


class RowProblem(ValueError):
    """Why a row is refused."""


def reader(
    entity: Entity,
    chosen: Plan,
    where: ZoneInfo,
    users: Users,
    formats: Formats,
    rebase_from: date | None,
    user_is_given: bool,
) -> Reader:
    """A function from a row to the values of the entity's fields; it raises RowProblem.

    With `user_is_given` a row may leave its user blank.
    """
    shift = (datetime.now(where).date() - rebase_from).days if rebase_from else 0
    steps = []
    for item in entity.fields:
        given = formats.get(item.name, ())
        converters: dict[Kind, Callable[[str], Any]] = {
            "text": _text,
            "integer": _integer,
            "user": lambda text: _user(text, users),
            # Bound now: the loop goes on.
            "moment": lambda text, given=given: parse_moment(text, where, shift, given),  # type: ignore[misc]
            "day": lambda text, given=given: parse_day(text, shift, given),  # type: ignore[misc]
            "boolean": _boolean,
            "amount": _amount,
        }
        required = item.required and not (user_is_given and item.name == "user_id")
        steps.append((item.name, chosen.getters.get(item.name, _blank), converters[item.kind], required))
    lead_ids = LEAD_IDS if entity.is_of_lead else ()
    lead_at = [entity.field_names.index(name) for name in lead_ids if name in entity.field_names]

    def read(row: Row) -> list[Any]:
        if row.problem:
            raise RowProblem(row.problem)
        values: list[Any] = []
        for name, getter, convert, required in steps:
            text = getter(row.cells)
            if text:
                try:
                    values.append(convert(text))
                except ValueError as error:
                    raise RowProblem(f"{name}: {error}") from None
            elif required:
                raise RowProblem(f"{name} is missing")
            else:
                values.append(None)
        if lead_at and all(values[position] is None for position in lead_at):
            raise RowProblem("lead_external_id is missing")
        return values

    return read


def _blank(cells: Sequence[str]) -> str:
    return ""


def _text(text: str) -> str:
    if "\0" in text:
        raise ValueError("holds a NUL byte")
    return text


def _integer(text: str) -> int:
    if not (text.isascii() and text.isdigit()) or not 0 < int(text[:20]) <= _LARGEST_INTEGER:
        raise ValueError(f"{text!r} is not a whole number from 1 to {_LARGEST_INTEGER}")
    return int(text)


def _user(text: str, users: Users) -> int:
    if text.isascii() and text.isdigit():
        return _integer(text)
    try:
        found = users[" ".join(text.split()).casefold()]
    except KeyError:
        raise ValueError(
            f"{text!r} is neither a user's number nor the name or mail address of one in sales_users"
        ) from None
    if found is None:
        raise ValueError(f"{text!r} is what several sales users are called")
    return found


def _boolean(text: str) -> bool:
    folded = text.casefold()
    if folded not in _TRUE | _FALSE:
        raise ValueError(f"{text!r} is neither yes nor no")
    return folded in _TRUE


# 1234.56 and 1234,56; else thousands are marked: 1.234,56 and 1,234,567.
_PLAIN_AMOUNT = re.compile(r"(?P<whole>\d+)(?:[.,](?P<part>\d{1,4}))?$")
_MARKED_AMOUNT = re.compile(
    r"(?P<whole>\d{1,3}(?P<mark>[.,])\d{3}(?:(?P=mark)\d{3})*)(?:(?!(?P=mark))[.,](?P<part>\d{1,4}))?$"
)


def _amount(text: str) -> Decimal:
    plain = re.sub(r"(?i)[\s\u00a0\u202f']|€|\beur\b", "", text)
    found = _PLAIN_AMOUNT.match(plain) or _MARKED_AMOUNT.match(plain)
    if found is None or not plain.isascii():
        raise ValueError(f"{text!r} is not an amount such as 12.50, 1.234,56 or 1234,5 EUR")
    return Decimal(re.sub(r"[.,]", "", found["whole"]) + "." + (found["part"] or "0"))
