"""`leadguard check`: is this database ready to work? What the database sees, and what only a client does."""

from collections import Counter
from datetime import UTC, datetime
from typing import Any

import click
from rich.table import Table
from rich.text import Text

from jobs import __version__
from jobs.console import App, common_options, pass_app, printable, progress, stdout
from jobs.console import to_json as as_json
from jobs.database import Connection, Database
from jobs.errors import LeadguardError
from jobs.exits import Exit
from jobs.migrate import RELEASE, pending
from jobs.sqlfiles import fingerprint

_DATABASE = "select what, status, evidence, what_to_do from public.production_readiness_check()"
# Whoever may not look into internal may ask for the whole check, and finds the answer there.
_LOOKS = "select has_schema_privilege('internal', 'usage') as may_look"
# More than the skew that facts are forgiven would have them refused.
_SKEW_WARN, _SKEW_FAIL = 5, 300

Finding = dict[str, Any]
STYLES = {"OK": "green", "WARN": "yellow", "FAIL": "bold red"}


def check(database: Database) -> list[Finding]:
    """Every finding, the client's first."""
    with database.session("leadguard check") as connection:
        found = [_clocks(connection), *_program(connection)]
        with connection.transaction():
            return found + connection.execute(_DATABASE).fetchall()


def _finding(what: str, status: str, evidence: str, what_to_do: str | None = None) -> Finding:
    return {"what": what, "status": status, "evidence": evidence, "what_to_do": what_to_do}


def _clocks(connection: Connection) -> Finding:
    before = datetime.now(UTC)
    row = connection.execute("select clock_timestamp() as at").fetchone()
    after = datetime.now(UTC)
    assert row is not None
    # Where in between the server looked at its clock nobody knows: the benefit of the doubt.
    skew = max((before - row["at"]).total_seconds(), (row["at"] - after).total_seconds(), 0.0)
    status = "FAIL" if skew > _SKEW_FAIL else "WARN" if skew > _SKEW_WARN else "OK"
    advice = None if status == "OK" else "Let NTP set both clocks: facts from the future are refused."
    return _finding("clocks", status, f"server and client differ by {skew:.1f} s", advice)


def _program(connection: Connection) -> list[Finding]:
    looks = connection.execute(_LOOKS).fetchone()
    if not looks or not looks["may_look"]:
        evidence = f"program {__version__}; not compared: this role may not look into schema internal"
        return [_finding("program and database", "WARN", evidence, "Run it once as the owner.")]
    try:
        missing = pending(connection)
    except LeadguardError as error:
        return [_finding("program and database", "FAIL", error.message, error.hint)]
    advice = "Run leadguard migrate with this program."
    if missing:
        return [_finding("program and database", "FAIL", f"to be applied: {', '.join(missing)}", advice)]
    release = connection.execute(RELEASE).fetchone()
    if release is None or release["fingerprint"] != fingerprint():
        name = release["name"] if release else "unknown"
        evidence = f"program {__version__}; functions and views of another release ({name})"
        return [_finding("program and database", "FAIL", evidence, advice)]
    return [_finding("program and database", "OK", f"both {__version__}, every migration applied")]


def _table(rows: list[Finding]) -> Table:
    table = Table("", "What", "Evidence, and what to do")
    for row in rows:
        told = Text(printable(row["evidence"]))
        if row["what_to_do"]:
            told.append(f"\n→ {printable(row['what_to_do'])}", "bold")
        table.add_row(Text(row["status"], STYLES[row["status"]]), row["what"], told)
    return table


@click.command("check")
@common_options
@pass_app
def command(app: App) -> None:
    """Check whether the database is ready to work: one row a question, with its evidence.

    Version, settings, migrations, whether any object was altered by hand, roles and rights, the
    protection rules on sample data (taken back: nothing stays), outbox, jobs, partitions. The same
    rows but the first come from: select * from production_readiness_check().

    \b
    JSON: {"ready", "counts": {"OK", "WARN", "FAIL"}, "checks": [{"what", "status": OK | WARN | FAIL,
    "evidence", "what_to_do"}]}

    \b
    Exit codes: 0 no FAIL (there may be a WARN), 1 the database refused, 3 unreachable,
    7 not migrated, 8 at least one FAIL.

    \b
    Examples:
      leadguard check
      leadguard check --json | jq '.checks[] | select(.status != "OK")'
    """
    with progress("check", None, app.json):
        rows = check(app.database)
    tally = Counter(row["status"] for row in rows)
    is_ready = not tally["FAIL"]
    if app.json:
        counts = {status: tally[status] for status in STYLES}
        click.echo(as_json({"ready": is_ready, "counts": counts, "checks": rows}))
    else:
        stdout().print(_table(rows))
        verdict = "ready" if is_ready else "not ready"
        click.echo(f"{verdict}: {tally['OK']} OK, {tally['WARN']} WARN, {tally['FAIL']} FAIL")
    if not is_ready:
        raise click.exceptions.Exit(Exit.NOT_RIGHT)
