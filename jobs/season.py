"""`leadguard season`: what is to be done around a season, by whom, and what shows that it is done."""

from datetime import date
from typing import Any

import click
from rich.text import Text

from jobs.console import ID, App, common_options, locale_option, pass_app, short_name, stdout
from jobs.console import to_json as as_json
from jobs.database import Connection
from jobs.dates import Dates
from jobs.tables import Table

_COLUMNS = b"""
    select id, season, year, starts_on, milestone, task, due_on, days_left, owner, status, urgency,
           is_at_hand, evidence, done_at, done_by
      from public.v_season_milestones
"""
_NAMED = b"select season_name from public.season_load(%(season)s::text)"
_SEASON = b" where season = %(season)s::text and year = coalesce(%(year)s::integer, year)"
_YEAR = b" where year = %(year)s::integer"
_AT_HAND = b" where is_at_hand"
_ONE = b" where id = %(id)s::bigint"
_ORDER = b" order by due_on, season, task"

_PLAN = b"select public.plan_season(%(season)s::text, %(year)s::integer) as changed"
_PLAN_ALL = b"select public.plan_seasons() as changed"
_RECORD = b"""
    select public.record_season_milestone(
               %(id)s::bigint, %(status)s::text, %(evidence)s::text, %(owner)s::text, %(by)s::text)
"""
_REOPEN = b"select public.reopen_season_milestone(%(id)s::bigint, %(reason)s::text, %(by)s::text)"

STATUSES = ("PLANNED", "IN_PROGRESS", "DONE", "SKIPPED")
_STYLES = {"DONE": "green", "OVERDUE": "bold red", "DUE_SOON": "yellow"}


def milestones(
    connection: Connection, season: str | None = None, year: int | None = None
) -> list[dict[str, Any]]:
    """Those of a season or a year; unless asked for, those that are at hand."""
    which = _YEAR if year is not None else _AT_HAND
    if season is not None:
        row = connection.execute(_NAMED, {"season": season}).fetchone()
        assert row is not None
        which, season = _SEASON, row["season_name"]
    return connection.execute(_COLUMNS + which + _ORDER, {"season": season, "year": year}).fetchall()


def milestones_table(rows: list[dict[str, Any]], dates: Dates, title: str | None = None) -> Table:
    table = Table(title=title, title_justify="left")
    for heading in ("#", "Season", "Due", "", "Task", "Owner", "Status", "Evidence"):
        table.add_column(heading, no_wrap=heading in ("#", "Due", ""))
    table.columns[0].justify = "right"
    for row in rows:
        urgency = row["urgency"] if row["urgency"] != "LATER" else None
        status = Text(row["status"], style=_STYLES.get(urgency or row["status"], ""))
        if urgency:
            status.append(f", {_days(row['days_left'])}")
        table.add_row(
            str(row["id"]),
            Text(f"{short_name(row['season'])} {row['year']}"),
            dates.calendar_day(row["due_on"]),
            row["milestone"],
            Text(short_name(row["task"])),
            Text(short_name(row["owner"])),
            status,
            Text(short_name(row["evidence"])),
        )
    return table


def _days(left: int) -> str:
    if left == 0:
        return "due today"
    count = f"{abs(left)} day{'s' if abs(left) > 1 else ''}"
    return f"{count} overdue" if left < 0 else f"in {count}"


@click.group("season", invoke_without_command=True)
@click.option("--season", metavar="SEASON", help="All of this season.")
@click.option("--year", type=click.IntRange(2000, 2100), help="Those of the seasons that begin in this year.")
@locale_option
@common_options
@pass_app
@click.pass_context
def command(context: click.Context, app: App, season: str | None, year: int | None) -> None:
    """List the tasks around a season: when due, whose, how they stand, what shows that they are done.

    Without options those that are at hand: of the season that runs, is reviewed, or comes next, and whatever
    is overdue. Days up to T-0 count from a season's first day, T+7 from its last, all in the business zone.
    `leadguard maintain` plans each season's next turn, and the one that runs where it has no plan; what the
    plan is stands in season_milestone_templates. What was due before it was planned is never overdue.

    \b
    JSON: {"milestones": [{"id", "season", "year", "starts_on", "milestone", "task", "due_on", "days_left",
    "owner", "status", "urgency" ("OVERDUE", "DUE_SOON", "LATER" or null), "is_at_hand", "evidence",
    "done_at", "done_by"}]}

    \b
    Exit codes: 0 done, 1 the database refused (LP037 unknown season), 2 wrong usage, 3 unreachable,
    7 not migrated.

    \b
    Examples:
      leadguard season
      leadguard season --season Weihnachten --year 2027 --json
      leadguard season set 17 --owner Ada --status IN_PROGRESS
      leadguard season done 17 --evidence https://wiki.example/load-test
    """
    if context.invoked_subcommand is not None:
        if season is not None or year is not None:
            raise click.UsageError("--season and --year are for the list.")
        return
    with app.database.session("leadguard season") as connection:
        rows = milestones(connection, season, year)
    if app.json:
        click.echo(as_json({"milestones": rows}))
    elif rows:
        stdout().print(milestones_table(rows, app.dates))
    else:
        click.echo("nothing is planned; to plan each season's next turn: leadguard season plan")


@command.command("plan")
@click.argument("season", required=False)
@click.option("--year", type=click.IntRange(2000, 2100), help="In which the season begins.")
@common_options
@pass_app
def plan_command(app: App, season: str | None, year: int | None) -> None:
    """Plan SEASON of a year; without it the next turn of every season, and one that runs without a plan, as
    `leadguard maintain` does.

    Planned again, a calendar follows the tables seasons and season_milestone_templates: tasks are added,
    moved, and those that nobody has touched withdrawn. What a person has entered stays.

    \b
    Exit codes: 0 done, 1 unknown season (LP037), 2 wrong usage, 3 unreachable, 7 not migrated.

    \b
    Examples:
      leadguard season plan
      leadguard season plan Weihnachten --year 2027
    """
    if (season is None) != (year is None):
        raise click.UsageError("Give SEASON with --year, or neither.")
    with app.database.session("leadguard season") as connection:
        query = _PLAN_ALL if season is None else _PLAN
        row = connection.execute(query, {"season": season, "year": year} if season else None).fetchone()
        assert row is not None
    app.report(f"added, moved or withdrew {row['changed']} tasks", changed=row["changed"])


_BY = click.option("--by", metavar="WHO", help="Who says so; default: who is logged in to the database.")


@command.command("set")
@click.argument("number", metavar="ID", type=ID)
@click.option("--status", type=click.Choice(STATUSES, case_sensitive=False), help="How it stands.")
@click.option("--owner", metavar="WHO", help="Who does it.")
@click.option("--evidence", metavar="TEXT", help="What shows it: a link, a file, a figure; of SKIPPED, why.")
@_BY
@common_options
@pass_app
def set_command(app: App, /, number: int, by: str | None, **given: str | None) -> None:
    """Say how task ID stands, who does it, or what shows it. IDs are those of `leadguard season`.

    DONE and SKIPPED need evidence, and are final: `leadguard season reopen` says why not.

    \b
    Exit codes: 0 done, 1 the database refused (LP050 unknown, LP051 has ended, LP052 no evidence), 2 wrong
    usage, 3 unreachable, 7 not migrated.

    \b
    Examples:
      leadguard season set 17 --owner Ada --status IN_PROGRESS
      leadguard season set 17 --status SKIPPED --evidence "tested three weeks ago"
    """
    if all(value is None for value in given.values()):
        raise click.UsageError("Give --status, --owner or --evidence.")
    _change(app, _RECORD, id=number, by=by, **given)


@command.command("done")
@click.argument("number", metavar="ID", type=ID)
@click.option("--evidence", metavar="TEXT", required=True, help="What shows it: a link, a file, a figure.")
@_BY
@common_options
@pass_app
def done_command(app: App, number: int, evidence: str, by: str | None) -> None:
    """Say that task ID is done, and what shows it.

    \b
    Exit codes: 0 done, 1 the database refused (LP050 unknown, LP051 has ended, LP052 no evidence), 2 wrong
    usage, 3 unreachable, 7 not migrated.

    \b
    Examples:
      leadguard season done 17 --evidence https://wiki.example/load-test
    """
    _change(app, _RECORD, id=number, status="DONE", evidence=evidence, owner=None, by=by)


@command.command("reopen")
@click.argument("number", metavar="ID", type=ID)
@click.option("--reason", metavar="TEXT", required=True, help="Why it is not done after all.")
@_BY
@common_options
@pass_app
def reopen_command(app: App, number: int, reason: str, by: str | None) -> None:
    """Open task ID again, which was done or skipped; its evidence stays, followed by the reason.

    \b
    Exit codes: 0 done, 1 the database refused (LP004 blank, LP050 unknown, LP054 has not ended), 2 wrong
    usage, 3 unreachable, 7 not migrated.

    \b
    Examples:
      leadguard season reopen 17 --reason "the baseline was wrong"
    """
    _change(app, _REOPEN, id=number, reason=reason, by=by)


def _change(app: App, call: bytes, **parameters: str | int | None) -> None:
    with app.database.session("leadguard season") as connection, connection.transaction():
        connection.execute(call, parameters)
        row = connection.execute(_COLUMNS + _ONE, parameters).fetchone()
        assert row is not None
    day: date = row["due_on"]
    what = f"{row['milestone']} {row['task']} of {row['season']} {row['year']}"
    app.report(
        short_name(f"{what}, due {app.dates.calendar_day(day)}, owner {row['owner']}: {row['status']}"), **row
    )
