"""How a foreign file's columns become ours: a TOML mapping file, read once into a plan.

[file]                  # optional, where it is not found out or not the default
delimiter = ";"
encoding = "cp1252"
time_zone = "UTC"       # of dates that name none
skip_lines = 2          # lines in front of the header
ignore_rows = "^Total"  # a pattern: rows whose first cell it matches are passed over
[columns]               # our field = their column, a text with their columns in braces,
company_name = "Firma"
external_id = "crm:{Kundennummer}"
contact_phone = ["Telefon", "Mobil"]  # or the first of several that is not blank
[formats]               # dates that are neither ISO nor German, as Python's strptime names them
created_at = "%m/%d/%Y %I:%M %p"
[values.activity_type]  # their value = ours; the value "" means blank
"Telefonat" = "QUALIFIED_CALL"
[constants]             # the same for every row
user_id = 7
[defaults]              # where a row leaves the field blank
city = "München"
"""

import re
import tomllib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from jobs.csvfile import REFUSED_COLUMNS, told_columns
from jobs.dates import zone
from jobs.errors import UsageProblem

_PLACEHOLDER = re.compile(r"\{([^{}]+)\}")
_BY_FIELD = ("columns", "formats", "values", "constants", "defaults")
_OF_FILE = {"delimiter": str, "encoding": str, "time_zone": str, "skip_lines": int, "ignore_rows": str}

Getter = Callable[[Sequence[str]], str]
Sources = str | list[str]


@dataclass(frozen=True)
class Mapping:
    """What a mapping file says; empty when there is none."""

    columns: dict[str, Sources] = field(default_factory=dict)
    formats: dict[str, tuple[str, ...]] = field(default_factory=dict)
    values: dict[str, dict[str, str]] = field(default_factory=dict)
    constants: dict[str, str] = field(default_factory=dict)
    defaults: dict[str, str] = field(default_factory=dict)
    delimiter: str | None = None
    encoding: str | None = None
    zone: ZoneInfo | None = None
    skip_lines: int = 0
    ignore_rows: re.Pattern[str] | None = None

    @classmethod
    def load(cls, path: Path, fields: Sequence[str]) -> "Mapping":
        """Reads a mapping for an import that knows `fields`."""
        try:
            document = tomllib.loads(path.read_text("utf-8"))
        except OSError as error:
            raise UsageProblem(f"{path} cannot be read: {error.strerror}") from error
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise UsageProblem(f"{path} is not valid TOML: {error}") from error
        _check_names(path, document, fields)
        file = document.get("file", {})
        return cls(
            columns={name: _sources(source) for name, source in document.get("columns", {}).items()},
            formats={name: _formats(path, given) for name, given in document.get("formats", {}).items()},
            values={name: _texts(values) for name, values in document.get("values", {}).items()},
            constants=_texts(document.get("constants", {})),
            defaults=_texts(document.get("defaults", {})),
            delimiter=file.get("delimiter"),
            encoding=file.get("encoding"),
            zone=zone(file["time_zone"]) if "time_zone" in file else None,
            skip_lines=file.get("skip_lines", 0),
            ignore_rows=_pattern(path, file["ignore_rows"]) if "ignore_rows" in file else None,
        )


def _check_names(path: Path, document: dict[str, Any], fields: Sequence[str]) -> None:
    """A misspelt name must not be passed over in silence."""
    unknown = [name for name in document if name not in ("file", *_BY_FIELD)]
    if unknown:
        sections = ", ".join(f"[{name}]" for name in ("file", *_BY_FIELD))
        raise UsageProblem(f"{path}: unknown part {', '.join(unknown)}", f"It may have {sections}.")
    for section in ("file", *_BY_FIELD):
        if not isinstance(document.get(section, {}), dict):
            raise UsageProblem(f"{path}: {section} is no part of its own", f"Write it as [{section}].")
    for section in _BY_FIELD:
        for name in document.get(section, {}):
            if name not in fields:
                raise UsageProblem(
                    f"{path}: [{section}] names the unknown field {name}",
                    f"Fields are: {', '.join(fields)}.",
                )
    for name, values in document.get("values", {}).items():
        if not isinstance(values, dict):
            raise UsageProblem(f"{path}: values.{name} is no table", f"Write it as [values.{name}].")
    for name, value in document.get("file", {}).items():
        if type(value) is not _OF_FILE.get(name) or (isinstance(value, int) and value < 0):
            known = ", ".join(f"{key} ({kind.__name__})" for key, kind in _OF_FILE.items())
            raise UsageProblem(f"{path}: [file] {name} = {value!r} is not usable", f"It may have {known}.")


def _pattern(path: Path, text: str) -> re.Pattern[str]:
    try:
        return re.compile(text)
    except re.error as error:
        raise UsageProblem(f"{path}: [file] ignore_rows is not a regular expression: {error}") from None


@dataclass(frozen=True)
class Plan:
    """Which cell or text each field takes, for one file; `from_columns`: what the file itself says."""

    getters: dict[str, Getter]
    from_columns: list[str]
    ignored: list[str]


def plan(mapping: Mapping, fields: Sequence[str], header: Sequence[str]) -> Plan:
    """Matches a mapping with a file's header; a field that is not mapped takes the column of its name.

    Capital letters do not matter, unless columns differ in nothing else.
    """
    folded: dict[str, list[str]] = {}
    for name in filter(None, header):
        folded.setdefault(name.casefold(), []).append(name)
    used: set[str] = set()

    def position(column: str) -> int:
        column = column.strip()
        alike = folded.get(column.casefold(), [])
        if not alike:
            raise UsageProblem(
                f"the mapping names a column that the file does not have: {column}",
                told_columns(header),
            )
        if column not in alike and len(alike) > 1:
            raise UsageProblem(
                f"more than one column is called {column}: {', '.join(alike)}",
                "Name the right one in a mapping file (--mapping), in its own letters.",
            )
        found = column if column in alike else alike[0]
        used.add(found)
        return header.index(found)

    def of_source(source: str) -> Getter:
        return _template(source, position) if _PLACEHOLDER.search(source) else _cell(position(source))

    getters: dict[str, Getter] = {}
    from_columns = []
    for name in fields:
        sources = mapping.columns.get(name, name if name.casefold() in folded else None)
        getter: Getter | None = None
        if name in mapping.constants:
            getter = _constant(mapping.constants[name])
        elif sources is not None:
            from_columns.append(name)
            several = [sources] if isinstance(sources, str) else sources
            getter = _first([of_source(source) for source in several])
        default = mapping.defaults.get(name, "")
        if getter or default:
            getters[name] = _translated(getter or _constant(""), mapping.values.get(name), default)
    ignored = [name for name in header if name and name not in used and name not in REFUSED_COLUMNS]
    return Plan(getters, from_columns, ignored)


def _texts(table: dict[str, Any]) -> dict[str, str]:
    return {name: str(value) for name, value in table.items()}


def _sources(source: Any) -> Sources:
    return [str(column) for column in source] if isinstance(source, list) else str(source)


def _formats(path: Path, given: Any) -> tuple[str, ...]:
    formats = tuple(str(one) for one in given) if isinstance(given, list) else (str(given),)
    for one in formats:
        try:
            # What it writes it must be able to read: a directive that is none, or stands twice, is not.
            datetime.strptime(datetime(2001, 2, 3, tzinfo=UTC).strftime(one), one)  # noqa: DTZ007
        except (ValueError, re.error) as error:
            raise UsageProblem(f"{path}: [formats] {one!r} is no format of dates: {error}") from None
    return formats


def _constant(text: str) -> Getter:
    return lambda cells: text


def _cell(position: int) -> Getter:
    return lambda cells: cells[position].strip()


def _first(getters: list[Getter]) -> Getter:
    if len(getters) == 1:
        return getters[0]
    return lambda cells: next((text for getter in getters if (text := getter(cells))), "")


def _template(text: str, position: Callable[[str], int]) -> Getter:
    # Literal text and column positions in turn, as re.split leaves them.
    parts = _PLACEHOLDER.split(text)
    literals, positions = parts[0::2], [position(column) for column in parts[1::2]]

    def fill(cells: Sequence[str]) -> str:
        values = [cells[place].strip() for place in positions]
        if not any(values):
            return ""
        return (literals[0] + "".join(map(str.__add__, values, literals[1:]))).strip()

    return fill


def _translated(getter: Getter, values: dict[str, str] | None, default: str) -> Getter:
    if not values and not default:
        return getter
    folded = {name.casefold(): value for name, value in (values or {}).items()}

    def translate(cells: Sequence[str]) -> str:
        text = getter(cells)
        return folded.get(text.casefold(), text) or default

    return translate
