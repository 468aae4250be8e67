"""`leadguard go-live`: may we go live? The plan's criteria, and answering for what no machine can measure."""

from collections import Counter
from typing import Any

import click
from rich.text import Text

from jobs.console import ID, App, common_options, locale_option, pass_app, printable, progress, stdout
from jobs.console import to_json as as_json
from jobs.exits import Exit
from jobs.lead import interval
from jobs.tables import Table

_CRITERIA = """
    select criterion, title, category, kind, target, value, unit, status, evidence, signed_off_by,
           signed_off_at, reference, expires_at, action
      from public.go_live_criteria
"""
_SIGN_OFF = """
    select criterion, decision, signed_off_by, reference, signed_off_at, expires_at
      from public.sign_off_go_live_criterion(%(criterion)s, %(actor)s, %(reference)s)
"""
_SIGN_OFF_FOR = """
    select criterion, decision, signed_off_by, reference, signed_off_at, expires_at
      from public.sign_off_go_live_criterion(%(criterion)s, %(actor)s, %(reference)s, %(valid_for)s::interval)
"""
_WITHDRAW = """
    select criterion, decision, signed_off_by, reference, signed_off_at, expires_at
      from public.withdraw_go_live_sign_off(%(criterion)s, %(actor)s, %(reason)s)
"""

STYLES = {"PASS": "green", "FAIL": "bold red", "NO_DATA": "yellow", "OPEN": "yellow", "EXPIRED": "yellow"}


@click.group("go-live", invoke_without_command=True)
@locale_option
@common_options
@click.pass_context
def command(context: click.Context) -> None:
    """Tell whether we may go live: each of the plan's criteria, with its evidence and what to do.

    What can be measured is, over the last seven days, and what has no data yet has not passed. What only
    a person can answer is signed off, with a reference, and counts until it expires or is withdrawn. The
    list is the table go_live_questions: a question of your own is a row more.

    \b
    JSON: {"ready", "counts": {"PASS", "FAIL", "NO_DATA", "OPEN", "EXPIRED"}, "criteria": [the rows of
    go_live_criteria]}

    \b
    Exit codes: 0 all pass, 1 the database refused, 3 unreachable, 7 not migrated, 8 not all pass.

    \b
    Examples:
      leadguard go-live
      leadguard go-live --json | jq '.criteria[] | select(.status != "PASS")'
      leadguard go-live sign-off rollback_tested --actor 7 --reference OPS-17
    """
    if context.invoked_subcommand is not None:
        return
    app = context.ensure_object(App)
    with progress("go-live", None, app.json), app.database.session("leadguard go-live") as connection:
        rows = connection.execute(_CRITERIA).fetchall()
    tally = Counter(row["status"] for row in rows)
    is_ready = bool(rows) and tally["PASS"] == len(rows)
    if app.json:
        counts = {status: tally[status] for status in STYLES}
        click.echo(as_json({"ready": is_ready, "counts": counts, "criteria": rows}))
    else:
        stdout().print(_table(rows))
        verdict = "ready to go live" if is_ready else "not ready to go live"
        click.echo(f"{verdict}: {tally['PASS']} of {len(rows)} criteria pass")
    if not is_ready:
        raise click.exceptions.Exit(Exit.NOT_RIGHT)


def _table(rows: list[dict[str, Any]]) -> Table:
    table = Table("", "Criterion", "Target", "Evidence, and what to do")
    for number, row in enumerate(rows):
        told = Text(printable(row["evidence"]))
        if row["action"]:
            told.append(f"\n→ {printable(row['action'])}", "bold")
        is_last = number + 1 == len(rows) or rows[number + 1]["category"] != row["category"]
        table.add_row(
            Text(row["status"].replace("_", " "), STYLES[row["status"]]),
            Text(printable(row["title"])).append(f"\n{row['criterion']}", "dim"),
            Text(printable(row["target"])),
            told,
            end_section=is_last,
        )
    return table


@command.command("sign-off")
@click.argument("criterion")
@click.option("--actor", type=ID, required=True, help="Whoever answers for it, by user id; stays on record.")
@click.option(
    "--reference", required=True, help="Where the proof lies: a report, a ticket, minutes; stays on record."
)
@click.option(
    "--valid-for", metavar="INTERVAL", help="For how long it counts, from a day to 366; default: 90 days."
)
@locale_option
@common_options
@pass_app
def sign_off_command(app: App, criterion: str, actor: int, reference: str, valid_for: str | None) -> None:
    """Sign CRITERION off: somebody answers for it, and says where the proof lies.

    \b
    JSON, the row written: {"criterion", "decision", "signed_off_by", "reference", "signed_off_at",
    "expires_at"}

    \b
    Exit codes: 0 done, 1 the database refused (LP060 unknown criterion, LP061 measured criterion, LP062 blank
    reference, LP063 validity), 2 no interval, 3 unreachable, 7 not migrated.

    \b
    Examples:
      leadguard go-live sign-off rollback_tested --actor 7 --reference 'OPS-17, restore of 27.11.'
      leadguard go-live sign-off round_the_clock --actor 7 --reference rota-2026-12.pdf --valid-for '31 days'
    """
    given = {"criterion": criterion, "actor": actor, "reference": reference}
    with app.database.session("leadguard go-live") as connection:
        if valid_for is None:
            row = connection.execute(_SIGN_OFF, given).fetchone()
        else:
            given["valid_for"] = interval(connection, valid_for, "--valid-for")
            row = connection.execute(_SIGN_OFF_FOR, given).fetchone()
    assert row is not None
    until = app.dates.moment(row["expires_at"])
    app.report(
        f"{row['criterion']} is signed off by user {row['signed_off_by']} until {until}:"
        f" {printable(row['reference'])}",
        **row,
    )


@command.command("withdraw")
@click.argument("criterion")
@click.option("--actor", type=ID, required=True, help="Whoever decides it, by user id; stays on record.")
@click.option("--reason", required=True, help="Why it does not hold any more; stays on record.")
@common_options
@pass_app
def withdraw_command(app: App, criterion: str, actor: int, reason: str) -> None:
    """Withdraw what was signed off for CRITERION: it is open again.

    \b
    JSON: as of sign-off, with "decision": "WITHDRAWN" and the reason as "reference"

    \b
    Exit codes: 0 done, 1 the database refused (LP060 unknown criterion, LP061 measured criterion, LP062 blank
    reason, LP064 not signed off), 3 unreachable, 7 not migrated.

    \b
    Examples:
      leadguard go-live withdraw rollback_tested --actor 7 --reason 'the restore of 27.11. was incomplete'
    """
    with app.database.session("leadguard go-live") as connection:
        given = {"criterion": criterion, "actor": actor, "reason": reason}
        row = connection.execute(_WITHDRAW, given).fetchone()
    assert row is not None
    app.report(
        f"{row['criterion']} is open again, withdrawn by user {row['signed_off_by']}:"
        f" {printable(row['reference'])}",
        **row,
    )
