"""The import itself: CSV in, set-based, idempotent by external id; a bad row loses nothing but itself."""

import time
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any, LiteralString
from zoneinfo import ZoneInfo

import psycopg
from psycopg import sql

from jobs.console import progress
from jobs.csvfile import STDIN, CsvFile, is_stream, spooled, told_columns
from jobs.database import Connection, Database
from jobs.dates import BUSINESS_ZONE, zone
from jobs.entities import Entity, Kind
from jobs.errors import UsageProblem, describe
from jobs.mapping import Mapping, Plan, plan
from jobs.rows import LEAD_IDS, Reader, RowProblem, Users, reader

# Rows in one transaction: large enough to be set-based, small enough not to hold leads for long.
_CHUNK = 10_000
_ATTEMPTS = 5
_ALL = "all"

_SQL_TYPES: dict[Kind, LiteralString] = {
    "text": "text",
    "integer": "bigint",
    "user": "bigint",
    "moment": "timestamptz",
    "day": "date",
    "boolean": "boolean",
    "amount": "numeric",
}

# Users go by name in most foreign systems.
_USERS = """
    select n.name, case when count(distinct u.user_id) = 1 then min(u.user_id) end as user_id
      from public.sales_users as u
     cross join lateral (values (u.display_name), (u.email)) as n (name)
     where n.name is not null
     group by n.name
"""

# What the next passes of the workers will find among the leads that were touched.
_DUE = """
    select count(*) filter (where d.is_reminder) as reminders,
           count(distinct v.user_id) filter (where d.is_reminder) as users,
           count(*) filter (where v.state = 'EXPIRED' and p.lead_id is not null) as expiries
      from public.v_user_lead_protection as v
     cross join lateral (
           select v.state = 'REMINDER_DUE' and v.clock_stopped_since is null as is_reminder
           ) as d
      left join public.lead_protection_periods as p on p.lead_id = v.lead_id and p.ended_at is null
     where v.lead_id in ({})
"""

# A refusal of the row itself. Anything else (a missing right, a lost connection) ends the import.
_ROW_ERRORS = (psycopg.DataError, psycopg.IntegrityError)
_TRY_AGAIN = (psycopg.errors.DeadlockDetected, psycopg.errors.SerializationFailure)


@dataclass(frozen=True)
class Options:
    """How a file is read."""

    mapping: Path | None = None
    user: int | None = None
    zone: ZoneInfo | None = None
    rebase_from: date | None = None
    refused: Path | None = None
    delimiter: str | None = None
    encoding: str | None = None
    update: tuple[str, ...] = ()
    dry_run: bool = False
    quiet: bool = True


@dataclass
class ImportReport:
    """What became of each row of a file: imported, updated, known or refused.

    `differ` counts the known rows that say something else than what is stored, `differing` the same by field;
    `reminders_due` and `expiries_due` what the workers' next passes find among the leads of the rows written.
    """

    entity: str
    file: str
    rows: int = 0
    imported: int = 0
    updated: int = 0
    known: int = 0
    differ: int = 0
    differing: dict[str, int] = field(default_factory=dict)
    refused: int = 0
    refused_file: str | None = None
    reasons: tuple[tuple[int, str], ...] = ()
    ignored_columns: tuple[str, ...] = ()
    reminders_due: int = 0
    reminded_users: int = 0
    expiries_due: int = 0
    dry_run: bool = False
    seconds: float = 0.0


def import_file(database: Database, entity: Entity, path: Path, options: Options) -> ImportReport:
    """Imports one file; what is refused is written to a file beside it, of a stream to the current folder."""
    with spooled(path) as copy:
        return _import(database, entity, path, copy, options)


def _import(database: Database, entity: Entity, path: Path, copy: Path, options: Options) -> ImportReport:
    started = time.monotonic()
    update = _updated_fields(entity, options.update)
    mapping = Mapping.load(options.mapping, entity.field_names) if options.mapping else Mapping()
    file = CsvFile.open(
        copy,
        options.encoding or mapping.encoding,
        options.delimiter or mapping.delimiter,
        mapping.skip_lines,
        mapping.ignore_rows,
        str(path),
    )
    target = options.refused or _refused_file(path)
    _check_target(target, (Path("/dev/stdin") if path == STDIN else path, options.mapping))
    chosen = plan(mapping, entity.field_names, file.header)
    _check_columns(entity, file, chosen, options)
    where = options.zone or mapping.zone or zone(BUSINESS_ZONE)
    reasons: dict[int, str] = {}
    report = ImportReport(
        entity.name, str(path), ignored_columns=tuple(chosen.ignored), dry_run=options.dry_run
    )
    with database.session("leadguard import") as connection, _rolled_back(connection, options.dry_run):
        # So that refusals name moments as the file does; nothing else depends on it.
        connection.execute("select set_config('TimeZone', %s, false)", [where.key])
        read = reader(
            entity,
            chosen,
            where,
            _users(connection, entity),
            mapping.formats,
            options.rebase_from,
            options.user is not None,
        )
        _stage(connection, entity, file, read, options, reasons, report)
        parameters = {"zone": where.key, "user": options.user}
        compared = [name for name in entity.updatable if name in chosen.from_columns]
        _judge(connection, entity, parameters, compared, update, reasons, report)
        loading = _Loading(connection, f"{entity.table}_pkey", parameters, options, reasons)
        report.imported = loading.load(entity.insert, f"importing {entity.name}", "new")
        report.updated = loading.load(_update(entity, update), f"updating {entity.name}", "changed")
        if entity.leads and report.imported + report.updated:
            _look_ahead(connection, entity.leads, report)
    # A row can also turn out to be known while it is inserted: another import was faster.
    report.refused = len(reasons)
    report.reasons = tuple(sorted(reasons.items()))
    report.known = report.rows - report.imported - report.updated - report.refused
    if reasons:
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


def _refused_file(path: Path) -> Path:
    name = f"{'stdin' if path == STDIN else path.name}.refused.csv"
    return Path(name) if is_stream(path) else path.with_name(name)


def _check_target(target: Path, sources: Collection[Path | None]) -> None:
    """What is read must not be replaced by what was refused of it."""
    for source in sources:
        if source is not None and target.exists() and target.samefile(source):
            raise UsageProblem(
                f"the refused rows would replace {source}", "Name another file with --refused."
            )


def _updated_fields(entity: Entity, names: Collection[str]) -> list[str]:
    if _ALL in names:
        return entity.updatable
    unknown = [name for name in names if name not in entity.updatable]
    if unknown:
        raise UsageProblem(
            f"{', '.join(unknown)} cannot be updated in {entity.name}",
            f"Fields are: {', '.join((*entity.updatable, _ALL))}."
            if entity.updatable
            else "What was sent was sent.",
        )
    return [name for name in entity.updatable if name in names]


@contextmanager
def _rolled_back(connection: Connection, dry_run: bool) -> Iterator[None]:
    """The dry run is the import, rolled back."""
    if not dry_run:
        yield
        return
    with connection.transaction(force_rollback=True):
        yield


def _check_columns(entity: Entity, file: CsvFile, chosen: Plan, options: Options) -> None:
    missing = [name for name in entity.required if name not in chosen.getters]
    if options.user is not None and "user_id" in missing:
        missing.remove("user_id")
    needs_lead = entity.is_of_lead and "lead_id" in entity.field_names
    if needs_lead and not set(LEAD_IDS) & chosen.getters.keys():
        missing.append("lead_external_id (or lead_id)")
    if missing:
        raise UsageProblem(
            f"{file.shown} has no column for {', '.join(missing)}",
            f"{told_columns(file.header)} Name them in a mapping file (--mapping), for example"
            ' [columns] external_id = "crm:{Email}"; user_id can also be given with --user.',
        )


def _users(connection: Connection, entity: Entity) -> Users:
    if not any(item.kind == "user" for item in entity.fields):
        return {}
    users: dict[str, int | None] = {}
    for row in connection.execute(_USERS):
        name = " ".join(row["name"].split()).casefold()
        users[name] = row["user_id"] if users.get(name, row["user_id"]) == row["user_id"] else None
    return users


def _stage(
    connection: Connection,
    entity: Entity,
    file: CsvFile,
    read: Reader,
    options: Options,
    reasons: dict[int, str],
    report: ImportReport,
) -> None:
    """Copies every row that can be read into the staging table."""
    columns = sql.SQL(", ").join(
        sql.SQL("{} {}").format(sql.Identifier(item.name), sql.SQL(_SQL_TYPES[item.kind]))
        for item in entity.fields
    )
    connection.execute(sql.SQL("create temporary table staging (line bigint, {})").format(columns))
    names = sql.SQL(", ").join(sql.Identifier(name) for name in ("line", *entity.field_names))
    seen: dict[tuple[Any, ...], int] = {}
    key_positions = [entity.field_names.index(name) for name in entity.key]
    reached = 0
    with (
        progress(f"reading {entity.name}", None if options.quiet else file.lines(), options.quiet) as advance,
        connection.cursor() as cursor,
        cursor.copy(sql.SQL("copy staging ({}) from stdin").format(names)) as copy,
    ):
        for row in file.rows():
            report.rows += 1
            if report.rows % 1000 == 0:
                advance(row.line - reached)
                reached = row.line
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


def _judge(
    connection: Connection,
    entity: Entity,
    parameters: dict[str, Any],
    compared: Collection[str],
    update: Collection[str],
    reasons: dict[int, str],
    report: ImportReport,
) -> None:
    """Finds out what is known and what is refused in bulk; leaves in `todo` what is to be written."""
    connection.execute("analyze staging")
    # A blank cell says nothing: it differs from nothing and changes nothing.
    differences = sql.SQL(", ").join(
        sql.SQL(
            "case when k.{name} <> r.{name} or k.{name} is null and r.{name} is not null then {text} end"
        ).format(name=sql.Identifier(name), text=sql.Literal(name))
        for name in compared
    )
    connection.execute(
        sql.SQL("""
            create temporary table judged as
            select r.*, k.ctid is not null as known,
                   array_remove(array[{differences}]::text[], null) as differs
              from ({resolve}) as r
              left join public.{table} as k on {match}
        """).format(
            differences=differences,
            resolve=sql.SQL(entity.resolve),
            table=sql.Identifier(entity.table),
            match=sql.SQL(entity.match),
        ),
        parameters,
    )
    connection.execute(
        sql.SQL("""
            create temporary table todo as
            select row_number() over (order by j.known, {order}) as place,
                   case when j.known then 'changed' else 'new' end as what, j.*
              from judged as j
             where j.refused is null and (not j.known or j.differs && %(update)s::text[])
        """).format(order=sql.SQL(entity.order)),
        {"update": list(update)},
    )
    connection.execute("alter table todo add primary key (place)")
    connection.execute("analyze todo")
    refused = connection.execute(
        "select line, refused from judged where refused is not null and (not known or differs && %s::text[])",
        [list(update)],
    )
    reasons.update((row["line"], row["refused"]) for row in refused)
    left = connection.execute(
        """
        select d.field, count(*) as rows
          from judged as j
         cross join lateral (select unnest(j.differs) except select unnest(%(update)s::text[])) as d (field)
         where j.known
         group by d.field
         order by d.field
        """,
        {"update": list(update)},
    )
    report.differing = {row["field"]: row["rows"] for row in left}
    row = connection.execute(
        "select count(*) as rows from judged where known and not differs <@ %s::text[]", [list(update)]
    ).fetchone()
    report.differ = row["rows"] if row else 0


def _update(entity: Entity, update: Collection[str]) -> sql.Composed:
    """Takes over the fields of `update` where they differ; the triggers do the rest."""
    return sql.SQL("""
        update public.{table} as k
           set {assignments}
          from todo as r
         where r.place between %(first)s and %(last)s and {match}
    """).format(
        table=sql.Identifier(entity.table),
        assignments=sql.SQL(", ").join(
            sql.SQL("{name} = case when {text} = any (r.differs) then r.{name} else k.{name} end").format(
                name=sql.Identifier(name), text=sql.Literal(name)
            )
            for name in update
        ),
        match=sql.SQL(entity.match),
    )


@dataclass(frozen=True)
class _Loading:
    """The rows of `todo` on their way into the table, a chunk a transaction."""

    connection: Connection
    primary_key: str
    parameters: dict[str, Any]
    options: Options
    reasons: dict[int, str]

    def load(self, statement: LiteralString | sql.Composed, label: str, what: str) -> int:
        """Runs `statement` over all rows that are `what`; returns how many it wrote."""
        row = self.connection.execute(
            "select min(place) as first, max(place) as last from todo where what = %s", [what]
        ).fetchone()
        if row is None or row["first"] is None:
            return 0
        written = 0
        with progress(label, row["last"] - row["first"] + 1, self.options.quiet) as advance:
            for first in range(row["first"], row["last"] + 1, _CHUNK):
                last = min(first + _CHUNK - 1, row["last"])
                written += self._range(statement, first, last)
                advance(last - first + 1)
        return written

    def _range(self, statement: LiteralString | sql.Composed, first: int, last: int) -> int:
        """Writes the rows of a range of places; halves it around what the database refuses."""
        try:
            return self._attempt(statement, first, last)
        except psycopg.DatabaseError as error:
            if not _refuses_a_row(error):
                raise
            if first == last:
                self._refuse(first, describe(error))
                return 0
        middle = (first + last) // 2
        return self._range(statement, first, middle) + self._range(statement, middle + 1, last)

    def _attempt(self, statement: LiteralString | sql.Composed, first: int, last: int) -> int:
        attempt = 1
        while True:
            try:
                with self.connection.transaction():
                    cursor = self.connection.execute(
                        statement, {**self.parameters, "first": first, "last": last}
                    )
                    if self.options.dry_run:
                        # Inside the outer transaction nothing is committed: judge deferred checks here.
                        self.connection.execute("set constraints all immediate")
                    return cursor.rowcount
            except psycopg.errors.UniqueViolation as error:
                # An id that somebody gave a row himself; the next attempt draws the next one.
                if first != last or error.diag.constraint_name != self.primary_key:
                    raise
            except _TRY_AGAIN:
                # Writers beside us; a deadlock inside the dry run's one transaction is final as well.
                if attempt == _ATTEMPTS or self.options.dry_run:
                    raise
                time.sleep(0.1 * 2**attempt)
                attempt += 1

    def _refuse(self, place: int, reason: str) -> None:
        row = self.connection.execute("select line from todo where place = %s", [place]).fetchone()
        assert row is not None
        self.reasons[row["line"]] = reason


def _refuses_a_row(error: psycopg.DatabaseError) -> bool:
    return isinstance(error, _ROW_ERRORS) or (error.sqlstate or "").startswith("LP")


def _look_ahead(connection: Connection, leads: LiteralString, report: ImportReport) -> None:
    row = connection.execute(sql.SQL(_DUE).format(sql.SQL(leads))).fetchone()
    assert row is not None
    report.reminders_due, report.reminded_users, report.expiries_due = (
        row["reminders"],
        row["users"],
        row["expiries"],
    )
