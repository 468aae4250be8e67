"""`leadguard import`: the command line of jobs/importer.py."""

from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path

import click

from jobs import mapping as mappings
from jobs.console import LARGEST_ID, App, common_options, pass_app
from jobs.dates import BUSINESS_ZONE, zone
from jobs.entities import ENTITIES, Entity
from jobs.exits import Exit
from jobs.importer import ImportReport, Options, import_file

_REASONS_SHOWN = 20


_MAPPING_HELP = "\b\nA mapping file is TOML:\n" + (mappings.__doc__ or "").partition("\n\n")[2]


@click.group("import", epilog=_MAPPING_HELP)
def command() -> None:
    """Import a CSV file: users, leads, activities, holds, reminders already sent, samples, catering, costs.

    Delimiter and encoding are found out; dates may be ISO or German. Rows are known by their
    external id: a second import of the same file imports nothing twice, and tells which known rows differ;
    --update takes those over. A blank cell says nothing: it never differs and overwrites nothing. What is
    refused is written with its reason to a file that can be corrected and imported again.

    \b
    Examples:
      leadguard import leads leads.csv --user 7
      leadguard import leads export.csv --mapping examples/sample-leads.toml --dry-run
      leadguard import activities activities.csv
      leadguard import leads leads.csv --update city,contact_phone --dry-run
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
        @click.option(
            "--user",
            type=click.IntRange(1, LARGEST_ID),
            metavar="USER",
            help="user_id of rows that name none.",
        )
        @click.option(
            "--time-zone", help=f"Zone of dates that name none; default: the mapping's, else {BUSINESS_ZONE}."
        )
        @click.option(
            "--rebase-from",
            type=click.DateTime(["%Y-%m-%d"]),
            help="Shift all dates by the days from this day to today (for example data).",
        )
        @click.option(
            "--refused",
            type=click.Path(path_type=Path),
            help="Where refused rows go; default: FILE.refused.csv; of stdin stdin.refused.csv, of a pipe"
            " NAME.refused.csv, both in the current folder.",
        )
        @click.option(
            "--update",
            default="",
            metavar="FIELD,...",
            help="Fields that known rows take over where the file differs; all: every one.",
        )
        @click.option("--delimiter", help="Delimiter, if it is not found out rightly: one character, or tab.")
        @click.option("--encoding", help="Encoding, if it is not found out rightly.")
        @click.option("--dry-run", is_flag=True, help="Import, report, and roll it all back.")
        @common_options
        @pass_app
        def subcommand(
            app: App,
            file: Path,
            mapping: Path | None,
            user: int | None,
            time_zone: str | None,
            rebase_from: datetime | None,
            refused: Path | None,
            delimiter: str | None,
            encoding: str | None,
            update: str,
            dry_run: bool,
        ) -> int:
            options = Options(
                mapping=mapping,
                user=user,
                zone=zone(time_zone) if time_zone else None,
                rebase_from=rebase_from.date() if rebase_from else None,
                refused=refused,
                delimiter=delimiter,
                encoding=encoding,
                update=tuple(name.strip() for name in update.split(",") if name.strip()),
                dry_run=dry_run,
                quiet=app.json,
            )
            report = import_file(app.database, entity, file, options)
            if not app.json:
                for text in remarks(report):
                    app.remark(text)
            # A machine reads the reasons in the file: there may be very many.
            app.report(sentence(report), **{**asdict(report), "reasons": report.reasons[:_REASONS_SHOWN]})
            return Exit.SOME_ROWS_REFUSED if report.refused else Exit.DONE

        subcommand.help = _help(entity)
        return subcommand


def sentence(report: ImportReport) -> str:
    """The report in one line."""
    verb = "would import" if report.dry_run else "imported"
    parts = [f"{verb} {report.imported} of {report.rows} {report.entity}"]
    if report.updated:
        parts.append(f"{'would update' if report.dry_run else 'updated'} {report.updated}")
    if report.known:
        fields = ", ".join(f"{name} {rows}" for name, rows in report.differing.items())
        differ = f", of them {report.differ} differ: {fields}" if report.differ else ""
        parts.append(f"{report.known} known already{differ}")
    if report.refused:
        parts.append(f"refused {report.refused}")
    text = "; ".join(parts) if report.differ else ", ".join(parts)
    refused_file = f" (see {report.refused_file})" if report.refused_file else ""
    return f"{text}{refused_file} ({report.seconds:.1f} s)"


def remarks(report: ImportReport) -> list[str]:
    """What is worth knowing beside the counts."""
    said = []
    if report.ignored_columns:
        said.append(f"columns passed over: {', '.join(report.ignored_columns)}")
    if report.differ:
        said.append(
            "known rows stay as they are stored; to take over what differs: --update"
            f" {','.join(report.differing)}"
            + (" (another user_id hands the lead over)" if "user_id" in report.differing else "")
        )
    if report.reminders_due or report.expiries_due:
        said.append(
            f"of the leads concerned {report.reminders_due} (of {report.reminded_users} users) are due for a"
            f" reminder now, and {report.expiries_due} have run out: import what else is known of them"
            " (activities, holds, reminders sent) before `leadguard remind` and `leadguard expire` see them"
        )
    return said


def _help(entity: Entity) -> str:
    fields = [f"{field.name}{' (required)' if field.required else ''}" for field in entity.fields]
    return f"""Import a CSV file of {entity.name}, one {entity.noun} a row.

    FILE may be a pipe, or - for stdin.

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
