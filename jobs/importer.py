"""`leadguard import`: CSV in, set-based, idempotent by external id; a bad row loses nothing but itself."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext
from dataclasses import asdict, dataclass, field
from datetime import date, datetime
from pathlib import Path
from typing import Any, LiteralString
from zoneinfo import ZoneInfo

import click
import psycopg
from psycopg import sql

from jobs.console import App, common_options, pass_app, progress
from jobs.csvfile import CsvFile, Row
from jobs.database import Connection, Database
from jobs.dates import BUSINESS_ZONE, parse_day, parse_moment, zone
from jobs.entities import ENTITIES, Entity, Kind
from jobs.errors import UsageProblem, describe
from jobs.exits import Exit
from jobs.mapping import Mapping, Plan, plan

# Rows in one transaction: large enough to be set-based, small enough not to hold leads for long.
_CHUNK = 10_000
_ATTEMPTS = 5
_LEAD_IDS = ("lead_external_id", "lead_id")
_REASONS_SHOWN = 20

_SQL_TYPES: dict[Kind, LiteralString] = {
    "text": "text",
    "integer": "bigint",
    "moment": "timestamptz",
    "day": "date",
    "boolean": "boolean",
}
_TRUE = {"true", "t", "yes", "y", "1", "ja", "j", "wahr", "x"}
_FALSE = {"false", "f", "no", "n", "0", "nein", "falsch"}
_LARGEST_INTEGER = 2**63 - 1

# A refusal of the row itself. Anything else (a missing right, a lost connection) ends the import.
_ROW_ERRORS = (psycopg.DataError, psycopg.IntegrityError)
_TRY_AGAIN = (psycopg.errors.DeadlockDetected, psycopg.errors.SerializationFailure)


@dataclass(frozen=True)
class Options:
    """How a file is read."""

    mapping: Path | None = None
    user: int | None = None
    zone: ZoneInfo = field(default_factory=lambda: zone(BUSINESS_ZONE))
    rebase_from: date | None = None
    refused: Path | None = None
    delimiter: str | None = None
    encoding: str | None = None
    dry_run: bool = False
    quiet: bool = True


@dataclass
class ImportReport:
    """What became of each row of a file."""

    entity: str
    file: str
    rows: int = 0
    imported: int = 0
    known: int = 0
    refused: int = 0
    refused_file: str | None = None
    reasons: tuple[tuple[int, str], ...] = ()
    ignored_columns: tuple[str, ...] = ()
    dry_run: bool = False
    seconds: float = 0.0


class RowProblem(ValueError):
    """Why a row is refused."""


def import_file(database: Database, entity: Entity, path: Path, options: Options) -> ImportReport:
    """Imports one file; what is refused is written to a file beside it."""
    started = time.monotonic()
    mapping = Mapping.load(options.mapping, entity.field_names) if options.mapping else Mapping()
    file = CsvFile.open(path, options.encoding or mapping.encoding, options.delimiter or mapping.delimiter)
    chosen = plan(mapping, entity.field_names, file.header)
    _check_columns(entity, file, chosen, options)
    reasons: dict[int, str] = {}
    report = ImportReport(
        entity.name, str(path), ignored_columns=tuple(chosen.ignored), dry_run=options.dry_run
    )
    with (
        database.session("leadguard import") as connection,
        # The dry run is the import, rolled back.
        connection.transaction(force_rollback=True) if options.dry_run else nullcontext(),
    ):
        _stage(connection, entity, file, chosen, options, reasons, report)
        _prepare(connection, entity, options, reasons)
        report.imported = _insert(connection, entity, options, reasons)
    # A row can also turn out to be known while it is inserted: another import was faster.
    report.refused = len(reasons)
    report.reasons = tuple(sorted(reasons.items()))
    report.known = report.rows - report.imported - report.refused
    if reasons:
        target = options.refused or path.with_name(path.name + ".refused.csv")
        try:
            file.write_refused(target, reasons)
        except OSError as error:
            raise UsageProblem(
                f"{report.imported} rows were imported, but the {len(reasons)} refused ones cannot be"
                f" written to {target}: {error.strerror}",
                "Name another file with --refused; a second run imports nothing twice.",
            ) from error
        report.refused_file = str(target)
    report.seconds = round(time.monotonic() - started, 3)
    return report


def _check_columns(entity: Entity, file: CsvFile, chosen: Plan, options: Options) -> None:
    missing = [name for name in entity.required if name not in chosen.getters]
    if options.user is not None and "user_id" in missing:
        missing.remove("user_id")
    if "lead_id" in entity.field_names and not set(_LEAD_IDS) & chosen.getters.keys():
        missing.append("lead_external_id (or lead_id)")
    if missing:
        found = ", ".join(name for name in file.header if name)
        raise UsageProblem(
            f"{file.path} has no column for {', '.join(missing)}",
            f"Its columns are: {found}. Name them in a mapping file (--mapping), for example"
            ' [columns] external_id = "crm:{Email}"; user_id can also be given with --user.',
        )


def _stage(
    connection: Connection,
    entity: Entity,
    file: CsvFile,
    chosen: Plan,
    options: Options,
    reasons: dict[int, str],
    report: ImportReport,
) -> None:
    """Copies every row that can be read into the staging table."""
    columns: list[sql.Composable] = [
        sql.SQL("line bigint primary key, refused text, known boolean not null default false"),
        *(
            sql.SQL("{} {}").format(sql.Identifier(item.name), sql.SQL(_SQL_TYPES[item.kind]))
            for item in entity.fields
        ),
    ]
    connection.execute(sql.SQL("create temporary table staging ({})").format(sql.SQL(", ").join(columns)))
    names = sql.SQL(", ").join(sql.Identifier(name) for name in ("line", *entity.field_names))
    read = _reader(entity, chosen, options)
    seen: dict[tuple[Any, ...], int] = {}
    key_positions = [entity.field_names.index(name) for name in entity.key]
    with (
        progress(f"reading {entity.name}", None, options.quiet) as advance,
        connection.cursor() as cursor,
        cursor.copy(sql.SQL("copy staging ({}) from stdin").format(names)) as copy,
    ):
        for row in file.rows():
            report.rows += 1
            if report.rows % 1000 == 0:
                advance(1000)
            try:
                values = read(row)
                key = tuple(values[position] for position in key_positions)
                if first := seen.get(key):
                    raise RowProblem(f"the same {', '.join(entity.key)} stands in line {first} already")
            except RowProblem as problem:
                reasons[row.line] = str(problem)
                continue
            seen[key] = row.line
            copy.write_row((row.line, *values))


def _reader(entity: Entity, chosen: Plan, options: Options) -> Callable[[Row], list[Any]]:
    """A function from a row to the values of the entity's fields."""
    shift = (datetime.now(options.zone).date() - options.rebase_from).days if options.rebase_from else 0
    converters: dict[Kind, Callable[[str], Any]] = {
        "text": _text,
        "integer": _integer,
        "moment": lambda text: parse_moment(text, options.zone, shift),
        "day": lambda text: parse_day(text, shift),
        "boolean": _boolean,
    }
    steps = []
    for item in entity.fields:
        fallback = options.user if item.name == "user_id" else None
        getter = chosen.getters.get(item.name, _blank)
        steps.append((item.name, getter, converters[item.kind], fallback, item.required))
    lead_at = [entity.field_names.index(name) for name in _LEAD_IDS if name in entity.field_names]

    def read(row: Row) -> list[Any]:
        if row.problem:
            raise RowProblem(row.problem)
        values: list[Any] = []
        for name, getter, convert, fallback, required in steps:
            text = getter(row.cells)
            if text:
                try:
                    values.append(convert(text))
                except ValueError as error:
                    raise RowProblem(f"{name}: {error}") from None
            elif fallback is None and required:
                raise RowProblem(f"{name} is missing")
            else:
                values.append(fallback)
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


def _boolean(text: str) -> bool:
    folded = text.casefold()
    if folded not in _TRUE | _FALSE:
        raise ValueError(f"{text!r} is neither yes nor no")
    return folded in _TRUE


def _prepare(connection: Connection, entity: Entity, options: Options, reasons: dict[int, str]) -> None:
    """Completes the staged rows, and refuses in bulk what can be judged in bulk."""
    connection.execute("analyze staging")
    for statement in entity.prepare:
        connection.execute(statement, {"zone": options.zone.key})
    refused = connection.execute("select line, refused from staging where refused is not null and not known")
    reasons.update((row["line"], row["refused"]) for row in refused)


def _insert(connection: Connection, entity: Entity, options: Options, reasons: dict[int, str]) -> int:
    """Inserts the staged rows, a chunk a transaction; returns how many were new."""
    lines = connection.execute(
        "select line from staging where refused is null and not known order by line"
    ).fetchall()
    imported = 0
    with progress(f"importing {entity.name}", len(lines), options.quiet) as advance:
        for first, last, amount in _chunks([row["line"] for row in lines]):
            imported += _insert_range(connection, entity, options, first, last, reasons)
            advance(amount)
    return imported


def _chunks(lines: list[int]) -> Iterator[tuple[int, int, int]]:
    for start in range(0, len(lines), _CHUNK):
        chunk = lines[start : start + _CHUNK]
        yield chunk[0], chunk[-1], len(chunk)


def _insert_range(
    connection: Connection, entity: Entity, options: Options, first: int, last: int, reasons: dict[int, str]
) -> int:
    """Inserts the rows of a range of lines; halves it around what the database refuses."""
    try:
        return _try_range(connection, entity, options, first, last)
    except psycopg.DatabaseError as error:
        if not _refuses_a_row(error):
            raise
        if first == last:
            reasons[first] = describe(error)
            return 0
    middle = (first + last) // 2
    return _insert_range(connection, entity, options, first, middle, reasons) + _insert_range(
        connection, entity, options, middle + 1, last, reasons
    )


def _try_range(connection: Connection, entity: Entity, options: Options, first: int, last: int) -> int:
    parameters = {"first": first, "last": last, "zone": options.zone.key}
    attempt = 1
    while True:
        try:
            with connection.transaction():
                cursor = connection.execute(entity.insert, parameters)
                if options.dry_run:
                    # Inside the outer transaction nothing is committed: judge deferred checks here.
                    connection.execute("set constraints all immediate")
                return cursor.rowcount
        except _TRY_AGAIN:
            # Writers beside us; a deadlock inside the dry run's one transaction is final as well.
            if attempt == _ATTEMPTS or options.dry_run:
                raise
            time.sleep(0.1 * 2**attempt)
            attempt += 1


def _refuses_a_row(error: psycopg.DatabaseError) -> bool:
    return isinstance(error, _ROW_ERRORS) or (error.sqlstate or "").startswith("LP")


@click.group("import")
def command() -> None:
    """Import a CSV file: users, leads, activities, holds, or reminders already sent.

    Delimiter and encoding are found out; dates may be ISO or German. Rows are known by their
    external id: a second import of the same file imports nothing twice. What is refused is written
    with its reason to a file that can be corrected and imported again.

    \b
    Examples:
      leadguard import leads leads.csv --user 7
      leadguard import leads export.csv --mapping examples/sample-leads.toml --dry-run
      leadguard import activities activities.csv
    """


@dataclass(frozen=True)
class _Subcommand:
    """One `leadguard import ...`; they differ in nothing but the entity."""

    entity: Entity

    def build(self) -> click.Command:
        entity = self.entity

        @click.command(entity.name)
        @click.argument("file", type=click.Path(path_type=Path))
        @click.option(
            "--mapping", type=click.Path(path_type=Path), help="TOML file that maps foreign columns."
        )
        @click.option("--user", type=click.IntRange(min=1), help="user_id of rows that name none.")
        @click.option(
            "--time-zone", default=BUSINESS_ZONE, show_default=True, help="Zone of dates that name none."
        )
        @click.option(
            "--rebase-from",
            type=click.DateTime(["%Y-%m-%d"]),
            help="Shift all dates by the days from this day to today (for example data).",
        )
        @click.option(
            "--refused",
            type=click.Path(path_type=Path),
            help="Where refused rows go; default: FILE.refused.csv.",
        )
        @click.option("--delimiter", help="Delimiter, if it is not found out rightly.")
        @click.option("--encoding", help="Encoding, if it is not found out rightly.")
        @click.option("--dry-run", is_flag=True, help="Import, report, and roll it all back.")
        @common_options
        @pass_app
        def subcommand(
            app: App,
            file: Path,
            mapping: Path | None,
            user: int | None,
            time_zone: str,
            rebase_from: datetime | None,
            refused: Path | None,
            delimiter: str | None,
            encoding: str | None,
            dry_run: bool,
        ) -> int:
            options = Options(
                mapping=mapping,
                user=user,
                zone=zone(time_zone),
                rebase_from=rebase_from.date() if rebase_from else None,
                refused=refused,
                delimiter=delimiter,
                encoding=encoding,
                dry_run=dry_run,
                quiet=app.json,
            )
            report = import_file(app.database, entity, file, options)
            if report.ignored_columns and not app.json:
                app.remark(f"columns passed over: {', '.join(report.ignored_columns)}")
            # A machine reads the reasons in the file: there may be very many.
            app.report(sentence(report), **{**asdict(report), "reasons": report.reasons[:_REASONS_SHOWN]})
            return Exit.SOME_ROWS_REFUSED if report.refused else Exit.DONE

        subcommand.help = _help(entity)
        return subcommand


def sentence(report: ImportReport) -> str:
    """The report in one line."""
    verb = "would import" if report.dry_run else "imported"
    refused = f", refused {report.refused}" if report.refused else ""
    if report.refused_file:
        refused += f" (see {report.refused_file})"
    known = f", {report.known} known already" if report.known else ""
    counts = f"{verb} {report.imported} of {report.rows} {report.entity}"
    return f"{counts}{known}{refused} ({report.seconds:.1f} s)"


def _help(entity: Entity) -> str:
    fields = [f"{field.name}{' (required)' if field.required else ''}" for field in entity.fields]
    return f"""Import a CSV file of {entity.name}, one {entity.noun} a row.

    Fields: {", ".join(fields)}. A column of the same name is taken; other names are mapped with
    --mapping.

    \b
    Exit codes: 0 done, 1 the database refused, 2 usage, 3 unreachable,
    5 done, but some rows were refused (they stand in the file named).

    \b
    Example: leadguard import {entity.name} {entity.name}.csv
    """


for _entity in ENTITIES:
    command.add_command(_Subcommand(_entity).build())
