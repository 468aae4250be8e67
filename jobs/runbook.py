"""`leadguard runbook`: what to do, asked in words; with --run it looks for itself."""

import re
from dataclasses import dataclass
from typing import Any

import click
import psycopg
from psycopg import sql
from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.text import Text

from jobs.console import ID, App, common_options, locale_option, pass_app, seconds_option, stdout
from jobs.console import to_json as as_json
from jobs.database import Connection
from jobs.dates import Dates
from jobs.errors import UsageProblem, from_database, one_line
from jobs.exits import Exit
from jobs.lead import shown
from jobs.runbook_files import read_runbooks
from jobs.tables import Table

# As in psql: :name for a value as it stands, :'name' for one that is quoted. Not the colons of a cast.
_PLACE = re.compile(r"(?<![:\w]):(?:'(?P<quoted>[a-z_]+)'|(?P<plain>[a-z_]+))")

_ANSWER = "select public.help_guided_operation(%s, %s) as answer"
_LIST = """
    select runbook, title, quick_summary
      from public.runbooks
     where locale = %s
     order by position, runbook
"""
_MOST_ROWS = 20

Parameters = dict[str, Any]


def filled(text: str, parameters: Parameters) -> str:
    """A statement or command with its parameters' values in it, as psql would put them."""

    def value(place: re.Match[str]) -> str:
        name = place["quoted"] or place["plain"]
        if name not in parameters:
            return place[0]
        given = str(parameters[name])
        return "'" + given.replace("'", "''") + "'" if place["quoted"] else given

    return _PLACE.sub(value, text)


def run_step(connection: Connection, step: dict[str, Any], seconds: float) -> dict[str, Any]:
    """What a step's statement answers, or why it does not. Nothing can change: the transaction only reads."""
    statement = filled(step["sql"], step["parameters"]).encode()
    try:
        with connection.transaction():
            connection.execute("set transaction read only")
            limit = f"{round(seconds * 1000)}ms"
            connection.execute("select set_config('statement_timeout', %s, true)", [limit])
            _become(connection, step["run_as"])
            cursor = connection.execute(statement)
            columns = [column.name for column in cursor.description or ()]
            rows = cursor.fetchmany(_MOST_ROWS + 1)
    except psycopg.Error as error:
        if connection.broken:
            raise
        return {"error": one_line(error.diag.message_primary or str(error)), "sqlstate": error.sqlstate}
    return {"columns": columns, "rows": rows[:_MOST_ROWS], "is_cut": len(rows) > _MOST_ROWS}


def _become(connection: Connection, role: str) -> None:
    """With the rights of the role that would run it, for whoever may take it on."""
    if role == "owner":
        return
    try:
        with connection.transaction():
            connection.execute(sql.SQL("set local role {}").format(sql.Identifier(role)))
    except psycopg.errors.InsufficientPrivilege:
        pass  # then with one's own rights


def look(connection: Connection, answer: dict[str, Any], given: Parameters, seconds: float) -> None:
    """Runs each step that only reads and whose parameters are known; its `result` goes into the step."""
    for step in answer["action_steps"]:
        missing = [name for name in step["parameters"] if name not in given]
        step["parameters"] |= {name: given[name] for name in step["parameters"] if name in given}
        if step["sql"] and step["is_read_only"] and not missing:
            step["result"] = run_step(connection, step, seconds)


def from_file(question: str, locale: str) -> dict[str, Any]:
    """The runbook of that name, else the one for a database that is away, without asking the database."""
    found = {runbook["runbook"]: runbook for runbook in read_runbooks()}
    chosen = found.get("-".join(question.lower().split()), found["database-away"])
    steps = [
        {
            "position": number,
            "instruction": step[locale],
            "sql": step.get("sql"),
            "command": step.get("command"),
            "healthy": step.get(f"healthy_{locale}"),
            "run_as": step.get("run_as", "lead_operations") if "sql" in step else None,
            "is_read_only": not step.get("changes", False),
            "parameters": step.get("parameters", {}),
        }
        for number, step in enumerate(chosen["steps"], start=1)
    ]
    related = [
        {"runbook": name, **{key: found[name][locale][key] for key in ("title", "quick_summary")}}
        for name in chosen["related"]
    ]
    members = ("title", "quick_summary", "business_context", "troubleshooting", "escalation")
    return {
        "kind": chosen["kind"],
        **{name: chosen[locale][name] for name in members},
        "action_steps": steps,
        "kpis": chosen["kpis"],
        "related": related,
        "confidence": 1 if chosen["runbook"] != "database-away" else 0.5,
    }


@dataclass(frozen=True)
class Words:
    """What stands between the runbook's own texts."""

    steps: str
    healthy: str
    as_role: str
    trial: str
    needs: str
    nothing: str
    cut: str
    failed: str
    trouble: str
    figures: str
    escalation: str
    related: str
    sure: str


_WORDS = {
    "de": Words(
        steps="Was zu tun ist",
        healthy="Gesund:",
        as_role="als",
        trial="Probe: rollt zurück; wird nie von selbst ausgeführt",
        needs="nicht ausgeführt: dafür fehlt",
        nothing="(keine Zeile)",
        cut=f"(nur die ersten {_MOST_ROWS})",
        failed="gescheitert:",
        trouble="Fehlersuche",
        figures="KPIs:",
        escalation="Eskalation:",
        related="Siehe auch",
        sure="Sicherheit",
    ),
    "en": Words(
        steps="What to do",
        healthy="Healthy:",
        as_role="as",
        trial="a trial: it rolls back; never run by itself",
        needs="not run: it lacks",
        nothing="(no row)",
        cut=f"(the first {_MOST_ROWS} only)",
        failed="failed:",
        trouble="Troubleshooting",
        figures="KPIs:",
        escalation="Escalation:",
        related="See also",
        sure="confidence",
    ),
}
_OPTIONS = {"lead_id": "--lead", "user_id": "--user"}


def rendered(answer: dict[str, Any], dates: Dates, is_run: bool) -> RenderableType:
    """The runbook for a person: what it is about, the steps with what they found, what else may be wrong."""
    words = _WORDS[dates.locale]
    parts: list[RenderableType] = [
        Text(answer["title"], style="bold"),
        Text(answer["quick_summary"]),
        Text(f"{answer['kind']}, {words.sure} {answer['confidence']}", style="dim"),
        Text(),
        Text(answer["business_context"]),
    ]
    if answer["action_steps"]:
        parts += [Text(), Text(words.steps, style="bold")]
    for step in answer["action_steps"]:
        parts += [Text(), *_step(step, words, dates, is_run)]
    if answer["troubleshooting"]:
        parts += [Text(), Text(words.trouble, style="bold")]
        for symptom, action in sorted(answer["troubleshooting"].items()):
            parts.append(Padding(Text.assemble((f"{symptom}: ", "italic"), action), (0, 0, 0, 2)))
    if answer["kpis"]:
        parts += [Text(), Text.assemble((f"{words.figures} ", "bold"), ", ".join(answer["kpis"]))]
    parts += [Text(), Text.assemble((f"{words.escalation} ", "bold red"), answer["escalation"])]
    if answer["related"]:
        parts += [Text(), Text(words.related, style="bold")]
        for other in answer["related"]:
            parts.append(Padding(Text(f"{other['runbook']}: {other['title']}"), (0, 0, 0, 2)))
    return Group(*parts)


def _step(step: dict[str, Any], words: Words, dates: Dates, is_run: bool) -> list[RenderableType]:
    parts: list[RenderableType] = [Text(f"{step['position']}. {step['instruction']}")]

    def add(text: str, style: str = "") -> None:
        parts.append(Padding(Text(text, style=style), (0, 0, 0, 3)))

    if step["sql"]:
        note = "" if step["is_read_only"] else f"; {words.trial}"
        add(f"-- {words.as_role} {step['run_as']}{note}", "dim")
        add(filled(step["sql"], step["parameters"]).strip(), "cyan")
    if step["command"]:
        add(filled(step["command"], step["parameters"]), "cyan")
    if step["healthy"]:
        add(f"{words.healthy} {step['healthy']}", "green")
    if "result" in step:
        parts.append(Padding(_result(step["result"], words, dates), (0, 0, 0, 3)))
    elif is_run and step["sql"] and step["is_read_only"]:
        lacking = ", ".join(_OPTIONS.get(name, name) for name in step["parameters"])
        add(f"{words.needs} {lacking}", "yellow")
    return parts


def _result(result: dict[str, Any], words: Words, dates: Dates) -> RenderableType:
    if "error" in result:
        return Text(f"{words.failed} {result['sqlstate']}: {result['error']}", style="bold red")
    if not result["rows"]:
        return Text(words.nothing)
    table = Table()
    for column in result["columns"]:
        table.add_column(column, overflow="fold")
    for row in result["rows"]:
        table.add_row(*(Text(shown(row[column], dates)) for column in result["columns"]))
    return Group(table, Text(words.cut)) if result["is_cut"] else table


def _listed(app: App) -> None:
    with app.database.session("leadguard runbook") as connection:
        rows = connection.execute(_LIST, [app.locale]).fetchall()
    if app.json:
        click.echo(as_json({"runbooks": rows}))
        return
    table = Table("runbook", "", "")
    for row in rows:
        table.add_row(row["runbook"], Text(row["title"]), Text(row["quick_summary"]))
    stdout().print(table)


@click.command("runbook")
@click.argument("question", nargs=-1)
@click.option("--list", "is_list", is_flag=True, help="List the runbooks by name.")
@click.option("--run", "is_run", is_flag=True, help="Run the steps that only read, and show what they find.")
@click.option("--lead", type=ID, help="The lead it is about: fills :lead_id.")
@click.option("--user", type=ID, help="The user it is about: fills :user_id.")
@seconds_option("timeout", 0.1, 3600, 10, "Most that a statement under --run may take.")
@locale_option
@common_options
@pass_app
def command(
    app: App,
    question: tuple[str, ...],
    is_list: bool,
    is_run: bool,
    lead: int | None,
    user: int | None,
    timeout: float,
) -> None:
    """Show the runbook that answers QUESTION: what to do, step by step.

    QUESTION is a few words, in German or English, or a runbook's name. With --run each statement that
    only reads is run, in a read-only transaction, with the rights of the role it names if you may take
    that on; what changes something is shown and never run. A step that needs a lead or a user is run
    if --lead or --user is given. Where the database is away the runbook is read from the program.

    \b
    JSON: what help_guided_operation returns, each step that was run with a "result":
    {"columns", "rows", "is_cut"} or {"error", "sqlstate"}; with --list {"runbooks": [{"runbook",
    "title", "quick_summary"}]}

    \b
    Exit codes: 0 done, 1 a statement failed (the others were run), 2 wrong usage,
    3 unreachable (a runbook is shown all the same), 7 not migrated.

    \b
    Examples:
      leadguard runbook "why did no reminder go out"
      leadguard runbook reminder-pipeline --run --lead 4711 --user 7
      leadguard runbook "outbox backlog" --run --json
      leadguard runbook --list --locale de
    """
    if is_list:
        _listed(app)
        return
    asked = " ".join(question).strip()
    if not asked:
        raise UsageProblem("there is no question", "Ask in a few words, or see the names with --list.")
    given = {name: value for name, value in (("lead_id", lead), ("user_id", user)) if value is not None}
    try:
        connection = app.database.connect("leadguard runbook")
    except psycopg.OperationalError as error:
        _show(app, from_file(asked, app.locale), given, is_run=False)
        raise from_database(error) from error
    with connection:
        row = connection.execute(_ANSWER, [asked, app.locale]).fetchone()
        assert row is not None
        answer = row["answer"]
        if is_run:
            look(connection, answer, given, timeout)
    _show(app, answer, given, is_run)
    if any("error" in step.get("result", ()) for step in answer["action_steps"]):
        raise click.exceptions.Exit(Exit.REFUSED)


def _show(app: App, answer: dict[str, Any], given: Parameters, is_run: bool) -> None:
    for step in answer["action_steps"]:
        step["parameters"] |= {name: given[name] for name in step["parameters"] if name in given}
    if app.json:
        click.echo(as_json(answer))
    else:
        stdout().print(rendered(answer, app.dates, is_run))
