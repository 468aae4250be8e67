"""`./run demo`: the main job once through on the example data, on a throw-away PostgreSQL.

Leads in, reminders queued and published, grace, expiries recorded, the KPIs, one disputed lead
explained. Every figure shown is read from the database.
"""

import json
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from io import BytesIO
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.text import Text

from jobs.breaches import budget_breaches, catering_breaches
from jobs.breaches import sentence as breaches_sentence
from jobs.cluster import Cluster, ClusterError
from jobs.console import App, common_options, pass_app, stdout
from jobs.database import Connection, Database, to_url
from jobs.dates import Dates
from jobs.entities import ENTITIES
from jobs.errors import LeadguardError
from jobs.exits import Exit
from jobs.explain import drawn, explain, rendered
from jobs.import_command import sentence
from jobs.importer import ImportReport, Options, import_file
from jobs.migrate import migrate
from jobs.paths import EXAMPLES
from jobs.publish import publish
from jobs.refresh import refresh
from jobs.scratch import scratch_database
from jobs.sinks.lines import LineSink
from jobs.status import counts, counts_table, deadlines, deadlines_table
from jobs.tables import Table

# The day around which the example data was written.
WRITTEN_ON = date(2026, 11, 20)
DISPUTED = "FF-1055"
PICTURE = Path("build") / "demo-lead.svg"


@dataclass(frozen=True)
class ExampleFile:
    entity: str
    name: str
    mapping: str | None = None
    user: int | None = None
    update: tuple[str, ...] = ()


# What is there when the story begins, and what the same systems export a day later.
STOCK = (
    ExampleFile("users", "sales_users.csv"),
    ExampleFile("leads", "leads.csv"),
    ExampleFile("leads", "sample-leads.csv", mapping="sample-leads.toml", user=14),
    ExampleFile("holds", "holds.csv"),
    ExampleFile("activities", "activities.csv"),
    ExampleFile("reminders", "reminders.csv"),
    ExampleFile("samples", "samples.csv"),
    ExampleFile("catering", "catering.csv"),
    ExampleFile("costs", "costs.csv"),
)
NEXT = (
    ExampleFile("leads", "leads-next.csv", update=("converted_at",)),
    ExampleFile("samples", "samples-next.csv", update=("status", "resolved_at")),
    ExampleFile("catering", "catering-next.csv"),
)
FILES = (*STOCK, *NEXT)


def run(database: Database, console: Console, picture: Path) -> None:
    """The story, on an empty database."""
    started = time.monotonic()
    console.print("Leadguard's main job once through. Every figure below is read from the database.")
    _chapter(console, "1. Migrate: an empty database gets tables, rules and roles")
    report = migrate(database.url)
    console.print(
        f"applied {', '.join(report.applied)}; {report.functions} functions' files,"
        f" {report.views} views' files ({report.seconds:.1f} s)"
    )
    _import(database, console)
    with database.session("leadguard demo") as connection:
        _chapter(console, "3. The leads as they came in")
        console.print(counts_table(counts(connection)))
        work(database, connection, console)
        _chapter(console, "8. Now")
        count_figures(database, connection)
        console.print(_kpis(connection))
        console.print(deadlines_table(deadlines(connection, 5), Dates()))
        _chapter(console, "9. A disputed lead: whose is it, until when, and why?")
        explained = explain(connection, _lead(connection, DISPUTED), None)
        console.print(rendered(explained, Dates()))
        picture.parent.mkdir(parents=True, exist_ok=True)
        picture.write_text(drawn(explained, Dates()), "utf-8")
        console.print(Text(f"\nThe same as a picture: {picture}"), soft_wrap=True)
    console.print(f"\nDone in {time.monotonic() - started:.1f} s.")


def work(database: Database, connection: Connection, console: Console) -> None:
    """What the workers do with what was imported: a pass of each."""
    # stdout proves nothing; here a reminder counts as sent when it was printed.
    connection.execute("update public.settings set value = 'any' where name = 'reminder_proof'")
    _remind(database, connection, console)
    _grace(connection, console)
    _expire(database, connection, console)
    _breaches(database, connection, console)
    # Once a day, and nothing to print: the tasks around the season that comes.
    connection.execute("select public.plan_seasons()")


def count_figures(database: Database, connection: Connection) -> None:
    """For a Prometheus that looks at a kept demo; the tables shown here are counted as they are read."""
    with database.job_run(connection, "refresh") as detail:
        detail["notes_added"] = refresh(connection)["notes_added"]


def import_examples(
    database: Database, rebase_from: date, files: Iterable[ExampleFile] = FILES
) -> Iterator[ImportReport]:
    """Imports the example files one by one; their refused rows stand in the reports only."""
    entities = {entity.name: entity for entity in ENTITIES}
    with tempfile.TemporaryDirectory(prefix="leadguard-examples-") as scratch:
        for file in files:
            options = Options(
                mapping=EXAMPLES / file.mapping if file.mapping else None,
                user=file.user,
                rebase_from=rebase_from,
                refused=Path(scratch) / "refused.csv",
                update=file.update,
                quiet=False,
            )
            report = import_file(database, entities[file.entity], EXAMPLES / file.name, options)
            report.refused_file = None  # gone with the directory
            yield report


def _import(database: Database, console: Console) -> None:
    _chapter(
        console, "2. Import: the example files (examples/), moved to today; a bad row loses nothing else"
    )
    for report in import_examples(database, WRITTEN_ON):
        console.print(f"{Path(report.file).name}: {sentence(report)}")
        for line, reason in report.reasons:
            console.print(Text(f"    line {line}: {reason}", style="dim"))


def _remind(database: Database, connection: Connection, console: Console) -> None:
    _chapter(console, "4. Remind: whoever has done nothing for 60 days is warned, once")
    with database.job_run(connection, "remind") as detail:
        queued = connection.execute("select * from public.dispatch_due_reminders()").fetchall()
        detail["handled"] = len(queued)
    types = Counter(row["reminder_type"] for row in queued)
    console.print(
        f"remind: queued {len(queued)} reminders ({types['INACTIVITY']} for want of an activity,"
        f" {types['TERM']} as the six months end)"
    )
    lines = publish_events(database, connection, console)
    console.print(_events(lines))
    console.print("\nA reminder as other systems receive it:")
    shown = next(line for line in reversed(lines) if '"10_day_expiry_reminder"' in line)
    console.print(Text(shown, style="dim"), soft_wrap=True)


def _grace(connection: Connection, console: Console) -> None:
    """Two leads that have just been warned: one partner acts, the other does not."""
    _chapter(console, "5. Grace: ten days to act, from the moment the reminder was sent")
    answered, ignored = connection.execute(_JUST_WARNED).fetchall()
    console.print(_standing(connection, answered, "0 days", "is warned"), soft_wrap=True)
    connection.execute(
        "select public.record_qualified_activity(%s, %s)", [answered["lead_id"], answered["user_id"]]
    )
    console.print(_standing(connection, answered, "0 days", "after a qualified call"), soft_wrap=True)
    console.print(_standing(connection, ignored, "0 days", "is warned, too"), soft_wrap=True)
    console.print(_standing(connection, ignored, "11 days", "if nobody calls, in 11 days"), soft_wrap=True)


# Of the reminders that this pass has sent.
_JUST_WARNED = """
    select v.lead_id, v.user_id, l.company_name
      from public.v_user_lead_protection as v
      join public.leads as l on l.id = v.lead_id
     where v.state = 'GRACE'
     order by v.reminder_sent_at desc, v.base_expires_at desc, v.lead_id
     limit 2
"""
_STANDING = """
    select state, protection_expires_at, end_reason
      from public.lead_protection_at(%(lead)s, now() + %(ahead)s::interval)
"""


def _standing(connection: Connection, lead: dict[str, Any], ahead: str, when: str) -> Text:
    row = connection.execute(_STANDING, {"lead": lead["lead_id"], "ahead": ahead}).fetchone()
    assert row is not None
    until = Dates().moment(row["protection_expires_at"])
    verb = "ended" if row["state"] == "EXPIRED" else "protected until"
    return Text.assemble(
        f"{lead['company_name']}, user {lead['user_id']}, {when}: ",
        (row["state"], "bold"),
        f", {verb} {until}",
    )


def _expire(database: Database, connection: Connection, console: Console) -> None:
    _chapter(console, "6. Expire: what has run out is recorded, with the exact moment, and is final")
    with database.job_run(connection, "expire") as detail:
        ended = connection.execute("select * from public.expire_due_protections()").fetchall()
        detail["handled"] = len(ended)
    reasons = Counter(row["end_reason"] for row in ended)
    console.print(
        f"expire: recorded {len(ended)} expiries ({reasons['INACTIVITY']} ten days after a warning,"
        f" {reasons['BASE_TERM']} after six months)"
    )
    console.print(_events(publish_events(database, connection, console)))


def _breaches(database: Database, connection: Connection, console: Console) -> None:
    _chapter(console, "7. Breaches: a request that nobody answered in time, a lead that costs too much")
    with database.job_run(connection, "breaches") as detail:
        late = [row for batch in catering_breaches(connection, 500) for row in batch]
        dear = budget_breaches(connection)
        detail.update(catering=len(late), budget=len(dear))
    console.print(breaches_sentence(late, dear))
    console.print(_events(publish_events(database, connection, console)))


def publish_events(database: Database, connection: Connection, console: Console) -> list[str]:
    """One pass of the publisher; its lines are kept to be shown in short."""
    stream = BytesIO()
    with database.job_run(connection, "publish"):
        result = publish(connection, LineSink(stream), limit=500)
    console.print(f"publish: {result.sent} events to stdout:, {result.acknowledged} acknowledged")
    return stream.getvalue().decode("utf-8").splitlines()


def _events(lines: list[str]) -> Table:
    types = Counter(str(json.loads(line)["event_type"]) for line in lines)
    table = Table("Event", "went out", title="The events", title_justify="left")
    table.columns[1].justify = "right"
    for name, count in sorted(types.items()):
        table.add_row(name, str(count))
    return table


def _kpis(connection: Connection) -> Table:
    table = Table("KPI", "of", "Value", "Unit", "Target", "Status", title="monitoring_user_lead")
    table.title_justify = "left"
    table.columns[2].justify = "right"
    table.columns[4].justify = "right"
    for row in connection.execute(_KPIS):
        status = row["status"] or ""
        table.add_row(
            row["kpi"],
            row["dimension"] or "",
            _plain(row["value"]),
            row["unit"],
            _plain(row["threshold"]),
            Text(status, style=_STATUS_STYLES.get(status, "")),
        )
    return table


_KPIS = "select kpi, dimension, value, unit, threshold, status from public.monitoring_user_lead"
_STATUS_STYLES = {"OK": "green", "WARN": "yellow", "BREACH": "bold red"}


def _plain(value: Decimal | None) -> str:
    return "" if value is None else f"{value.normalize():f}"


def _lead(connection: Connection, external_id: str) -> int:
    row = connection.execute("select id from public.leads where external_id = %s", [external_id]).fetchone()
    assert row is not None
    return int(row["id"])


def _chapter(console: Console, title: str) -> None:
    console.print()
    console.rule(Text(title, style="bold"), align="left")


@contextmanager
def _own_database(app: App, keep: bool, console: Console) -> Iterator[Database]:
    """A database of the demo's own: on the server that is named, else on one made for it."""
    if app.database_url:
        finished = False
        with scratch_database(app.database, "demo", is_kept=lambda: keep and finished) as database:
            yield database
            finished = True
        if keep:
            _say_kept(console, database.url, f'drop it with: drop database "{database.name}"')
        return
    try:
        # What is kept may stay for days, and then takes no memory.
        with Cluster(in_memory=not keep) as cluster:
            url = cluster.create_database("leadguard_demo")
            yield Database(url)
            if keep:
                cluster.keep()
                _say_kept(console, url, "stop and remove it with: ./run stop")
    except ClusterError as error:
        raise LeadguardError(str(error), None, Exit.UNREACHABLE) from error


def _say_kept(console: Console, url: str, end: str) -> None:
    text = f"\nThe database stays up: psql '{to_url(url)}'\nWhen you are done, {end}"
    console.print(Text(text), soft_wrap=True)


@click.command("demo")
@click.option("--keep", is_flag=True, help="Leave the database up and print how to reach and to stop it.")
@click.option(
    "--picture",
    type=click.Path(dir_okay=False, path_type=Path),
    default=PICTURE,
    show_default=True,
    metavar="FILE",
    help="Where the disputed lead is drawn.",
)
@common_options
@pass_app
def command(app: App, keep: bool, picture: Path) -> None:
    """Run the main job once through on the example data, in a database of its own.

    On the server that DATABASE_URL names (in a new database, dropped at the end), else on a
    throw-away PostgreSQL. Ctrl-C cleans up.

    \b
    Exit codes: 0 done, 1 the database refused, 3 no usable PostgreSQL.

    \b
    Examples:
      leadguard demo
      leadguard demo --keep
    """
    console = stdout()
    with _own_database(app, keep, console) as database:
        run(database, console, picture.absolute())


def main() -> None:
    """`python -m jobs.demo` is `leadguard demo`."""
    from jobs.cli import main as cli_main

    sys.argv[1:1] = ["demo"]
    cli_main()


if __name__ == "__main__":
    main()
