"""`leadguard inbox`: incoming events that could not be applied: look at them, replay or discard some."""

from typing import Any

import click
import psycopg

from jobs.console import ID, App, common_options, pass_app, short_name, stdout
from jobs.console import to_json as as_json
from jobs.database import Connection
from jobs.errors import LeadguardError, describe
from jobs.exits import Exit
from jobs.tables import Table

_LIST = b"""
    select id, source, error_code, reason, deliveries, first_at, last_at, payload
      from public.inbox_dead_letters
     order by id
     limit %s
"""
_SHOW = b"""
    select id, source, error_code, reason, deliveries, first_at, last_at, payload
      from public.inbox_dead_letters
     where id = %s
"""
_REPLAY = b"select public.replay_inbox_dead_letter(%s) as outcome"
_DISCARD = b"select id, source, error_code, reason from public.discard_inbox_dead_letters(%s::bigint[])"

yes_option = click.option("--yes", is_flag=True, help="Do it; without this it is only shown.")


@click.group("inbox")
def command() -> None:
    """Look at incoming events that could not be applied; replay or discard some.

    \b
    Examples:
      leadguard inbox list
      leadguard inbox show 17
      leadguard inbox replay 17 18 --yes
    """


def _readable(row: dict[str, Any]) -> dict[str, Any]:
    """The payload as text; what is none as its bytes in hexadecimal."""
    payload = bytes(row["payload"])
    try:
        return row | {"payload": payload.decode("utf-8")}
    except UnicodeDecodeError:
        return row | {"payload": None, "payload_hex": payload.hex()}


@command.command("list")
@click.option(
    "--limit", type=click.IntRange(1, 100_000), default=20, show_default=True, help="At most so many."
)
@common_options
@pass_app
def list_command(app: App, limit: int) -> None:
    """List dead letters, the oldest first.

    \b
    Exit codes: 0 done, 3 unreachable, 7 not migrated.

    \b
    Examples:
      leadguard inbox list
      leadguard inbox list --limit 1000 --json | jq -r .reason
    """
    with app.database.session("leadguard inbox") as connection:
        rows = connection.execute(_LIST, [limit]).fetchall()
    if app.json:
        for row in rows:
            click.echo(as_json(_readable(row)))
        return
    if not rows:
        click.echo("no dead letters")
        return
    table = Table("id", "source", "code", "reason", "came", "last")
    for row in rows:
        last = app.dates.moment(row["last_at"])
        reason = short_name(row["reason"])
        table.add_row(str(row["id"]), row["source"], row["error_code"], reason, str(row["deliveries"]), last)
    stdout().print(table)


@command.command("show")
@click.argument("letter", type=ID, metavar="ID")
@common_options
@pass_app
def show_command(app: App, letter: int) -> None:
    """Show one dead letter with its payload, as it came.

    \b
    Exit codes: 0 done, 1 unknown (LP042), 3 unreachable, 7 not migrated.

    \b
    Examples:
      leadguard inbox show 17
    """
    with app.database.session("leadguard inbox") as connection:
        row = connection.execute(_SHOW, [letter]).fetchone()
    if row is None:
        error = LeadguardError(f"unknown dead letter: {letter}", "See what there is: leadguard inbox list")
        error.sqlstate = "LP042"
        raise error
    told = _readable(row)
    if app.json:
        click.echo(as_json(told))
        return
    for name, value in told.items():
        text = app.dates.moment(value) if name.endswith("_at") else value
        click.echo(f"{name + ':':13}{'' if text is None else short_name(str(text))}")


@command.command("replay")
@click.argument("letters", type=ID, nargs=-1, required=True, metavar="ID...")
@yes_option
@common_options
@pass_app
def replay_command(app: App, letters: tuple[int, ...], yes: bool) -> int:
    """Apply dead letters, each by itself; without --yes only show what would come of it.

    What is refused again stays, with its reason on the screen.

    \b
    Exit codes: 0 done, 1 some were refused again or are unknown, 3 unreachable, 7 not migrated.

    \b
    Examples:
      leadguard inbox replay 17
      leadguard inbox replay 17 18 --yes
    """
    refused = 0
    with app.database.session("leadguard inbox") as connection:
        for letter in letters:
            outcome, reason = _replay(connection, letter, yes)
            refused += outcome == "REFUSED"
            text = f"{letter}: {outcome.lower()}" + (f": {reason}" if reason else "")
            app.report(text, id=letter, outcome=outcome, reason=reason, dry_run=not yes)
    if not yes and not app.json:
        click.echo("nothing was changed; do it with --yes")
    return Exit.REFUSED if refused else Exit.DONE


def _replay(connection: Connection, letter: int, yes: bool) -> tuple[str, str | None]:
    try:
        with connection.transaction(force_rollback=not yes):
            row = connection.execute(_REPLAY, [letter]).fetchone()
    except psycopg.Error as error:
        if connection.closed or not (error.sqlstate or "").startswith(("LP", "22", "23")):
            raise
        return "REFUSED", describe(error)
    assert row is not None
    return row["outcome"], None


@command.command("discard")
@click.argument("letters", type=ID, nargs=-1, required=True, metavar="ID...")
@yes_option
@common_options
@pass_app
def discard_command(app: App, letters: tuple[int, ...], yes: bool) -> None:
    """Delete dead letters that nobody can use, all or none; without --yes only show which.

    \b
    Exit codes: 0 done, 1 one is unknown (LP042), 3 unreachable, 7 not migrated.

    \b
    Examples:
      leadguard inbox discard 17 --yes
    """
    with (
        app.database.session("leadguard inbox") as connection,
        connection.transaction(force_rollback=not yes),
    ):
        rows = connection.execute(_DISCARD, [list(letters)]).fetchall()
    if app.json:
        click.echo(as_json({"dead_letters": rows, "count": len(rows), "dry_run": not yes}))
        return
    for row in rows:
        click.echo(f"{row['id']}: {short_name(row['reason'])}")
    done = "discarded" if yes else "would discard"
    click.echo(f"{done}: {len(rows)}" + ("" if yes else "; do it with --yes"))
