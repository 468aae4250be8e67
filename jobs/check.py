"""`leadguard check`: is all ready to work? What the database sees, what a client does, and who watches."""

from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import click
from rich.text import Text

from jobs import __version__, monitors, web
from jobs.console import App, Command, common_options, pass_app, printable, progress, stdout
from jobs.console import to_json as as_json
from jobs.database import Connection, Database
from jobs.errors import LeadguardError
from jobs.exits import Exit
from jobs.migrate import RELEASE, pending
from jobs.sqlfiles import fingerprint
from jobs.tables import Table

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


def _watcher(name: str, what: str) -> Callable[[Command], Command]:
    variable = f"LEADGUARD_{name.upper()}_URL"
    return click.option(
        f"--{name}",
        type=web.WebAddress(),
        envvar=variable,
        metavar="URL",
        help=f"Where {what} answers; also {variable}.",
    )


@click.command("check")
@_watcher("exporter", "leadguard exporter")
@_watcher("prometheus", "Prometheus")
@_watcher("grafana", "Grafana")
@click.option("--strict", is_flag=True, help="A WARN has not passed, either: exit code 8.")
@common_options
@pass_app
def command(
    app: App,
    exporter: web.Address | None,
    prometheus: web.Address | None,
    grafana: web.Address | None,
    strict: bool,
) -> None:
    """Check whether all is ready to work: one row a question, with its evidence and what to do.

    Version, settings, migrations, whether any object was altered by hand, roles and rights, the
    protection rules on sample data (taken back: nothing stays), outbox, jobs, partitions. These rows but
    the first two come from: select * from production_readiness_check().

    And what watches: that the exporter serves every figure and none is stale, that Prometheus
    reaches its targets and evaluates every rule of docker/prometheus, that Grafana has the dashboards and
    that their data sources answer. What is not given is not asked, and is a WARN.

    Grafana wants a service account's token (as a Viewer), or user:password: in LEADGUARD_GRAFANA_TOKEN, in
    the file that LEADGUARD_GRAFANA_TOKEN_FILE names, or in the URL; for user@ in the URL, the password.

    \b
    JSON: {"ready", "counts": {"OK", "WARN", "FAIL"}, "checks": [{"what", "status": OK | WARN | FAIL,
    "evidence", "what_to_do"}]}

    \b
    Exit codes: 0 no FAIL (there may be a WARN, unless --strict), 1 the database refused, 2 wrong usage,
    3 the database unreachable, 7 not migrated, 8 at least one FAIL (with --strict: or WARN).

    \b
    Examples:
      leadguard check
      leadguard check --json | jq '.checks[] | select(.status != "OK")'
      leadguard check --strict --exporter http://127.0.0.1:9187 --prometheus http://127.0.0.1:9090 \\
        --grafana http://127.0.0.1:3000
    """
    if grafana is not None:
        grafana = grafana.knowing(web.secret(monitors.GRAFANA_TOKEN))
    with progress("check", None, app.json):
        rows = check(app.database)
        rows += [_finding(*row) for row in monitors.look(exporter, prometheus, grafana)]
    tally = Counter(row["status"] for row in rows)
    is_ready = not tally["FAIL"] and not (strict and tally["WARN"])
    if app.json:
        counts = {status: tally[status] for status in STYLES}
        click.echo(as_json({"ready": is_ready, "counts": counts, "checks": rows}))
    else:
        stdout().print(_table(rows))
        verdict = "ready" if is_ready else "not ready"
        click.echo(f"{verdict}: {tally['OK']} OK, {tally['WARN']} WARN, {tally['FAIL']} FAIL")
    if not is_ready:
        raise click.exceptions.Exit(Exit.NOT_RIGHT)
