"""How a foreign file's columns become ours: a TOML mapping file, read once into a plan.

[file]                  # optional: delimiter, encoding
[columns]               # our field = their column, or a text with their columns in braces
company_name = "Firma"
external_id = "crm:{Kundennummer}"
[values.activity_type]  # their value = ours
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
from pathlib import Path
from typing import Any

from jobs.csvfile import REFUSED_COLUMNS
from jobs.errors import UsageProblem

_PLACEHOLDER = re.compile(r"\{([^{}]+)\}")
_SECTIONS = ("file", "columns", "values", "constants", "defaults")

Getter = Callable[[Sequence[str]], str]


@dataclass(frozen=True)
class Mapping:
    """What a mapping file says; empty when there is none."""

    columns: dict[str, str] = field(default_factory=dict)
    values: dict[str, dict[str, str]] = field(default_factory=dict)
    constants: dict[str, str] = field(default_factory=dict)
    defaults: dict[str, str] = field(default_factory=dict)
    delimiter: str | None = None
    encoding: str | None = None

    @classmethod
    def load(cls, path: Path, fields: Sequence[str]) -> "Mapping":
        """Reads a mapping for an import that knows `fields`."""
        try:
            document = tomllib.loads(path.read_text("utf-8"))
        except OSError as error:
            raise UsageProblem(f"{path} cannot be read: {error.strerror}") from error
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise UsageProblem(f"{path} is not valid TOML: {error}") from error
        unknown = [name for name in document if name not in _SECTIONS]
        if unknown:
            sections = ", ".join(f"[{name}]" for name in _SECTIONS)
            raise UsageProblem(f"{path}: unknown part {', '.join(unknown)}", f"It may have {sections}.")
        for section in ("columns", "values", "constants", "defaults"):
            for name in document.get(section, {}):
                if name not in fields:
                    raise UsageProblem(
                        f"{path}: [{section}] names the unknown field {name}",
                        f"Fields are: {', '.join(fields)}.",
                    )
        return cls(
            columns=_texts(document.get("columns", {})),
            values={name: _texts(values) for name, values in document.get("values", {}).items()},
            constants=_texts(document.get("constants", {})),
            defaults=_texts(document.get("defaults", {})),
            delimiter=document.get("file", {}).get("delimiter"),
            encoding=document.get("file", {}).get("encoding"),
        )


@dataclass(frozen=True)
class Plan:
    """Which cell or text each field takes, for one file."""

    getters: dict[str, Getter]
    ignored: list[str]


def plan(mapping: Mapping, fields: Sequence[str], header: Sequence[str]) -> Plan:
    """Matches a mapping with a file's header; a field that is not mapped takes the column of its name."""
    index = {name.casefold(): position for position, name in enumerate(header) if name}
    used: set[str] = set()

    def position(column: str) -> int:
        try:
            found = index[column.strip().casefold()]
        except KeyError:
            raise UsageProblem(
                f"the mapping names a column that the file does not have: {column}",
                f"Its columns are: {', '.join(name for name in header if name)}.",
            ) from None
        used.add(header[found])
        return found

    getters: dict[str, Getter] = {}
    for name in fields:
        source = mapping.columns.get(name)
        if name in mapping.constants:
            getter: Getter | None = _constant(mapping.constants[name])
        elif source is None:
            getter = _cell(position(name)) if name.casefold() in index else None
        elif _PLACEHOLDER.search(source):
            getter = _template(source, position)
        else:
            getter = _cell(position(source))
        default = mapping.defaults.get(name, "")
        if getter or default:
            getters[name] = _translated(getter or _constant(""), mapping.values.get(name), default)
    ignored = [name for name in header if name and name not in used and name not in REFUSED_COLUMNS]
    return Plan(getters, ignored)


def _texts(table: dict[str, Any]) -> dict[str, str]:
    return {name: str(value) for name, value in table.items()}


def _constant(text: str) -> Getter:
    return lambda cells: text


def _cell(position: int) -> Getter:
    return lambda cells: cells[position].strip()


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
