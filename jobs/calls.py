"""What `hold`, `release`, `extend` and `reinstate` share: call a procedure, show what it changed."""

from typing import Any, LiteralString

import click
import psycopg

from jobs.console import ID, App, Command, common_options, dry_run_option, locale_option, stdout
from jobs.console import to_json as as_json
from jobs.dates import BUSINESS_ZONE
from jobs.lead import differences, read_lead, read_protection, side_by_side


def call_options(command: Command) -> Command:
    """The lead, its user, who asks, and the dry run; with the options of every command."""
    lead = click.argument("lead", type=ID)
    user = click.option(
        "--user", type=ID, required=True, help="The user who holds the protection, as a safeguard."
    )
    actor = click.option("--actor", type=ID, help="Whoever decides it, by user id; stays on record.")
    return lead(user(actor(dry_run_option(locale_option(common_options(command))))))


def reason_option(command: Command) -> Command:
    """`--reason`, which whoever disputes a date gets to read."""
    return click.option("--reason", required=True, help="Why, in a few words; stays on record.")(command)


def call(
    app: App, done: str, query: LiteralString, parameters: dict[str, Any], *, lead: int, dry_run: bool
) -> None:
    """Calls the procedure of `query` and prints the lead's row before and after; `done` names the deed."""
    notices: list[str] = []

    def keep(diagnostic: psycopg.errors.Diagnostic) -> None:
        notices.append(diagnostic.message_primary or "")

    with app.database.session("leadguard " + done.partition(" ")[0]) as connection:
        # What the server says of moments is read in the business zone.
        connection.execute("select set_config('TimeZone', %s, false)", [BUSINESS_ZONE])
        connection.add_notice_handler(keep)
        with connection.transaction(force_rollback=dry_run):
            read_lead(connection, lead)
            before = read_protection(connection, lead)
            connection.execute(query, {**parameters, "lead": lead})
            after = read_protection(connection, lead)
    changed = differences(before, after)
    if app.json:
        members = {"lead_id": lead, "before": before, "after": after, "changed": changed}
        click.echo(as_json({**members, "notices": notices, "dry_run": dry_run}))
        return
    for notice in notices:
        app.remark(f"NOTICE: {notice}")
    verb = "would be" if dry_run else "is"
    # A procedure that leaves everything as it is says so in a notice.
    is_idle = bool(notices) and not changed
    click.echo(f"Lead {lead}: nothing changes." if is_idle else f"Lead {lead} {verb} {done}.")
    stdout().print(side_by_side(before, after, ("before", "after"), app.dates))
    if dry_run:
        click.echo("Nothing was changed: dry run.")
