"""`leadguard restore-check`: a backup is proven by restoring it, and by nothing else."""

import re
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import click
import psycopg

from jobs.backup import contents, find_program
from jobs.backup import run as run_program
from jobs.console import App, common_options, pass_app, printable, progress
from jobs.database import Connection, Database
from jobs.errors import LeadguardError
from jobs.exits import Exit
from jobs.migrate import RELEASE
from jobs.scratch import scratch_database
from jobs.verify import verify_all, verify_figures

APPLICATION = "leadguard restore-check"
# Settings, workers and rights on the database itself are the server's: no backup holds them.
_FAULTS = """
    select what, evidence from internal.inspect_shape() where status = 'FAIL'
     union all
    select what, evidence from internal.inspect_deployment() where status = 'FAIL'
"""
_BATCH = 1000

Say = Callable[[str], None]


@dataclass(frozen=True)
class RestoreReport:
    """What came out of a backup."""

    file: str
    made_at: str | None
    release: str
    leads: int
    differences: list[dict[str, Any]]
    figures: list[dict[str, Any]]
    faults: list[dict[str, Any]]
    seconds: float

    @property
    def is_proven(self) -> bool:
        return not (self.differences or self.figures or self.faults)


def restore_check(database: Database, file: Path, say: Say, quiet: bool = True) -> RestoreReport:
    """Restores `file` into a database of its own on the server of `database`, examines and drops it."""
    started = time.monotonic()
    with database.session(APPLICATION) as connection:
        program = find_program("pg_restore", connection)
        listed = contents(program, file)
        with scratch_database(database, "restored") as scratch:
            say(f"restoring {file}")
            objects = sum(not line.startswith(";") for line in listed)
            with progress("restore", objects, quiet) as advance:
                run_program(program, scratch.url, ["--exit-on-error", str(file)], advance)
            with scratch.session(APPLICATION) as restored:
                return examined(restored, file, _made_at(listed), started, say, quiet)


def examined(
    restored: Connection, file: Path, made_at: str | None, started: float, say: Say, quiet: bool
) -> RestoreReport:
    """What a restored database holds, and what is wrong in it."""
    try:
        release = restored.execute(RELEASE).fetchone()
    except psycopg.errors.UndefinedTable as error:
        # To migrate what was restored is not what it lacks.
        raise LeadguardError(
            f"{file} can be restored, but it holds no database of Leadguard's",
            "Is it the file that was meant? One that was made before the first migrate has nothing to prove.",
            Exit.NOT_MIGRATED,
        ) from error
    # A dump has no statistics.
    restored.execute("analyze")
    say("comparing every lead and figure with its facts")
    differences: list[dict[str, Any]] = []
    leads = 0
    total = restored.execute("select count(*) as leads from public.leads").fetchone()
    with progress("verify", total["leads"] if total else None, quiet) as advance:
        for count, found in verify_all(restored, _BATCH):
            leads += count
            differences += found
            advance(count)
    figures = verify_figures(restored)
    say("checking every object and the rules")
    return RestoreReport(
        file=str(file),
        made_at=made_at,
        release=release["name"] if release else "unknown",
        leads=leads,
        differences=differences,
        figures=figures,
        faults=restored.execute(_FAULTS).fetchall(),
        seconds=round(time.monotonic() - started, 3),
    )


def _made_at(listed: list[str]) -> str | None:
    for line in listed:
        if found := re.match(r";\s*Archive created at (.+)", line):
            return found[1].strip()
    return None


def _told(report: RestoreReport) -> Iterator[str]:
    """What is wrong, a line each."""
    for fault in report.faults:
        yield f"FAIL {fault['what']}: {printable(fault['evidence'])}"
    for row in report.differences:
        yield (
            f"lead {row['lead_id']}, {row['difference']}: stored {printable(row['stored']) or '–'},"
            f" from the facts {printable(row['computed']) or '–'}"
        )
    for row in report.figures:
        yield (
            f"figure {row['figure']} {printable(row['label'])}: counted {row['counted']},"
            f" from the facts {row['recounted']}"
        )


@click.command("restore-check")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@common_options
@pass_app
def command(app: App, file: Path) -> None:
    """Prove a backup: restore FILE into a database of its own, examine it, drop it.

    FILE is what `leadguard migrate --backup` or `pg_dump --format=custom` has written. Every object must
    be there as migrate left it, every lead and figure be what its facts come to, and the rules hold on
    sample data. The database is made on the server of --database-url, next to the one that is named, which
    is not touched; any server with the same roles will do. pg_restore must be on PATH.

    \b
    JSON: {"proven", "file", "made_at", "release", "leads", "differences": [{"lead_id", "difference",
    "stored", "computed"}], "figures": [{"figure", "label", "counted", "recounted"}],
    "faults": [{"what", "evidence"}], "seconds"}

    \b
    Exit codes: 0 proven, 1 the database refused, 2 no such file, 3 unreachable,
    7 it is no database of Leadguard's, 8 something is wrong in it, 10 it cannot be restored.

    \b
    Examples:
      leadguard restore-check before-2026-11-29-0210.dump
      leadguard restore-check nightly.dump --database-url postgresql://owner@spare.example/postgres
    """
    report = restore_check(
        app.database,
        file,
        say=lambda text: None if app.json else app.remark(text),
        quiet=app.json or app.logs_json,
    )
    if not app.json:
        for line in _told(report):
            click.echo(line)
    verdict = "proven" if report.is_proven else "not proven: something is wrong in it"
    made = f", made at {report.made_at}" if report.made_at else ""
    app.report(
        f"{file}{made}, of leadguard {report.release}: {verdict};"
        f" {report.leads} leads ({report.seconds:.1f} s)",
        proven=report.is_proven,
        **asdict(report),
    )
    if not report.is_proven:
        raise click.exceptions.Exit(Exit.NOT_RIGHT)
