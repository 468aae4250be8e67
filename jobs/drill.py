"""`leadguard drill`: training on a scratch database, checked by the program and recorded by person."""

import hashlib
import shlex
from datetime import timedelta
from typing import Any

import click
import psycopg
from psycopg.conninfo import conninfo_to_dict
from rich.text import Text

from jobs.console import App, common_options, locale_option, pass_app, printable, stdout
from jobs.console import to_json as as_json
from jobs.database import Connection, Database, drop_database, to_conninfo, to_url, with_database
from jobs.dates import environment_locale
from jobs.drills import Drill, find_drill, judge, read_drills, set_up
from jobs.errors import LeadguardError, UsageProblem
from jobs.exits import Exit
from jobs.migrate import migrate
from jobs.scratch import create_database
from jobs.tables import Table

_RESULTS = """
    select drill, person, count(*) as checks, min(checked_at) filter (where passed) as passed_at,
           (array_agg(took order by checked_at) filter (where passed))[1] as took
      from public.drill_results
     where person = coalesce(%s::text, person)
     group by drill, person
     order by person
"""
_RECORD = "select public.record_drill_result(%s, %s, %s, %s) as id"
_CAN_RECORD = "select from public.drill_results limit 0"
_IS_THERE = "select exists (select from pg_database where datname = %s) as it"
_TOOK = "select clock_timestamp() - started_at as took from drill.run"


class _Person(click.ParamType):  # type: ignore[type-arg]  # generic in newer releases only
    name = "person"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        person = printable(str(value)).strip()
        if not 0 < len(person) <= 200:
            self.fail("a name or an address of up to 200 letters is needed", param, ctx)
        return person


_person = click.option(
    "--person", type=_Person(), required=True, metavar="PERSON", help="Who practises: a name or an address."
)
_name = click.argument("name")


@click.group("drill")
def command() -> None:
    """Practise: exercises on a scratch database, checked by the program, recorded by person.

    A drill is started, done (with psql or leadguard on its scratch database), and checked. Nothing of
    it touches the database that is named but the record in drill_results; the scratch database lies
    beside it, on the same server, until the drill is passed or stopped.

    \b
    Examples:
      leadguard drill list
      leadguard drill start hold-management --person "Erika Muster"
      leadguard drill check hold-management --person "Erika Muster"
    """


def _scratch(app: App, drill: Drill, person: str) -> Database:
    """Where this person does this drill; the same name each time."""
    mark = hashlib.sha256(person.casefold().encode()).hexdigest()[:8]
    name = f"leadguard_drill_{drill.name.replace('-', '_')}_{mark}"
    return Database(with_database(app.database_url, name))


def _line(what: str, drill: Drill, person: str) -> str:
    """A command as it may be copied into a shell, whatever the person is called."""
    return f"leadguard drill {what} {drill.name} --person {shlex.quote(person)}"


def _started_already(drill: Drill, person: str, scratch: Database) -> LeadguardError:
    return LeadguardError(
        f"{person} has started {drill.name} already: psql {shlex.quote(to_url(scratch.url))}",
        f"Go on with it, or end it: {_line('stop', drill, person)}",
    )


def _is_there(connection: Connection, scratch: Database) -> bool:
    row = connection.execute(_IS_THERE, [scratch.name]).fetchone()
    return bool(row and row["it"])


@command.command("list")
@click.option("--person", type=_Person(), metavar="PERSON", help="Only what this person has done.")
@locale_option
@common_options
@pass_app
def list_drills(app: App, person: str | None) -> None:
    """List the drills in the order in which they are to be done, and who has passed which.

    \b
    JSON: {"drills": [{"drill", "title", "learn", "results": [{"person", "checks", "passed_at", "took"}]}]}

    \b
    Exit codes: 0 done, 3 unreachable, 7 not migrated.

    \b
    Examples:
      leadguard drill list
      leadguard drill list --person "Erika Muster" --locale de
    """
    with app.database.session("leadguard drill") as connection:
        results = connection.execute(_RESULTS, [person]).fetchall()
    told: list[dict[str, Any]] = [
        {
            "drill": drill.name,
            "title": drill.text(app.locale, "title"),
            "learn": drill.text(app.locale, "learn"),
            "results": [
                {name: value for name, value in row.items() if name != "drill"}
                for row in results
                if row["drill"] == drill.name
            ],
        }
        for drill in read_drills()
    ]
    if app.json:
        click.echo(as_json({"drills": told}))
        return
    table = Table("Drill", "", "Passed by", "Not yet")
    table.columns[0].no_wrap = True  # the name by which one starts it
    for row in told:
        passed = [
            f"{result['person']} ({app.dates.moment(result['passed_at'])})"
            for result in row["results"]
            if result["passed_at"]
        ]
        others = [result["person"] for result in row["results"] if not result["passed_at"]]
        table.add_row(row["drill"], Text(row["title"]), Text(", ".join(passed)), Text(", ".join(others)))
    stdout().print(table)


@command.command("start")
@_name
@_person
@locale_option
@common_options
@pass_app
def start(app: App, name: str, person: str) -> None:
    """Make the scratch database of the drill NAME and show the task.

    \b
    JSON: {"drill", "person", "title", "learn", "task", "url", "asks": whether it wants an answer}

    \b
    Exit codes: 0 done, 1 refused (started already; no right to create a database), 2 no such drill,
    3 unreachable, 7 not migrated.

    \b
    Examples:
      leadguard drill start view-queries --person "Erika Muster"
      leadguard drill start hold-management --person erika@example.com --locale de
    """
    drill = find_drill(name)
    scratch = _scratch(app, drill, person)
    with app.database.session("leadguard drill") as connection:
        connection.execute(_CAN_RECORD)  # better said before than after
        if _is_there(connection, scratch):
            raise _started_already(drill, person, scratch)
    # Where another start was faster, the database is that one's, and stays.
    try:
        create_database(app.database, scratch.name)
    except (psycopg.errors.DuplicateDatabase, psycopg.errors.UniqueViolation) as error:
        raise _started_already(drill, person, scratch) from error
    try:
        app.remark(f"making the scratch database {scratch.name}")
        migrate(scratch.url)
        with scratch.session("leadguard drill") as connection:
            set_up(connection, drill, person)
    except BaseException:
        drop_database(app.database, scratch.name)
        raise
    members = {what: drill.text(app.locale, what) for what in ("title", "learn", "task")}
    url = to_url(scratch.url)
    asks = drill.answer is not None
    if app.json:
        click.echo(as_json({"drill": name, "person": person, **members, "url": url, "asks": asks}))
        return
    console = stdout()
    console.print(Text(members["title"], style="bold"))
    console.print(Text(members["learn"], style="dim"), Text(), Text(members["task"]), Text(), sep="\n")
    # What is wrong is to be told in the language in which the task was.
    given = "" if app.locale == environment_locale() else f" --locale {app.locale}"
    answer = " --answer …" if asks else ""
    if "password" in conninfo_to_dict(to_conninfo(scratch.url)):
        app.remark("Without the password: psql asks for it, leadguard takes it from PGPASSWORD or ~/.pgpass.")
    console.print(
        Text(f"psql {shlex.quote(url)}\nleadguard … --database-url {shlex.quote(url)}"),
        Text(f"{_line('check', drill, person)}{given}{answer}", style="bold"),
        sep="\n",
        soft_wrap=True,
    )


@command.command("check")
@_name
@_person
@click.option("--answer", metavar="TEXT", help="The answer, where the drill asks for one.")
@click.option("--keep", is_flag=True, help="Leave the scratch database up, also when it is passed.")
@locale_option
@common_options
@pass_app
def check(app: App, name: str, person: str, answer: str | None, keep: bool) -> None:
    """Check the drill NAME, say what is still wrong, and record the outcome.

    \b
    JSON: {"drill", "person", "passed", "wrong": [what is still wrong], "took_seconds"}

    \b
    Exit codes: 0 passed (the scratch database is dropped), 8 not yet, 1 refused (not started),
    2 no such drill, 3 unreachable, 7 not migrated.

    \b
    Examples:
      leadguard drill check hold-management --person "Erika Muster"
      leadguard drill check view-queries --person "Erika Muster" --answer 2
    """
    drill = find_drill(name)
    scratch = _scratch(app, drill, person)
    with app.database.session("leadguard drill") as connection:
        if not _is_there(connection, scratch):
            raise LeadguardError(f"{person} has not started {name}", _line("start", drill, person))
        with scratch.session("leadguard drill") as practised:
            wrong = judge(practised, drill, app.locale, answer)
            row = practised.execute(_TOOK).fetchone()
        if row is None:
            raise UsageProblem(f"{scratch.name} is not whole", _line("stop", drill, person))
        took: timedelta = row["took"]
        connection.execute(_RECORD, [person, name, not wrong, took])
    if not wrong and not keep:
        drop_database(app.database, scratch.name)
    if app.json:
        told = {"drill": name, "person": person, "passed": not wrong, "wrong": wrong}
        click.echo(as_json({**told, "took_seconds": round(took.total_seconds(), 1)}))
    else:
        minutes = took.total_seconds() / 60
        text = f"{name}: passed, after {minutes:.0f} minutes" if not wrong else f"{name}: not yet"
        stdout().print(Text("\n".join([text, *(f"- {each}" for each in wrong)])))
    if wrong:
        raise click.exceptions.Exit(Exit.NOT_RIGHT)


@command.command("stop")
@_name
@_person
@common_options
@pass_app
def stop(app: App, name: str, person: str) -> None:
    """End the drill NAME unfinished: its scratch database is dropped, nothing is recorded.

    \b
    Exit codes: 0 done, also if there was none, 2 no such drill, 3 unreachable.

    \b
    Example:
      leadguard drill stop hold-management --person "Erika Muster"
    """
    scratch = _scratch(app, find_drill(name), person)
    with app.database.session("leadguard drill") as connection:
        is_there = _is_there(connection, scratch)
    if is_there:
        drop_database(app.database, scratch.name)
    app.report(f"{name}: stopped", drill=name, person=person)
