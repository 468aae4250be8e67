"""`leadguard extend`: grows the base term of a lead's protection."""

import click

from jobs.calls import call, call_options, reason_option
from jobs.console import App, pass_app
from jobs.lead import interval

_CALL = """
    call public.extend_lead_protection(
        %(lead)s, %(user)s, %(by)s::interval, %(reason)s, actor_id => %(actor)s::bigint
    )
"""


@click.command("extend")
@click.option("--by", required=True, metavar="INTERVAL", help="How much, such as '30 days' or '2 months'.")
@reason_option
@call_options
@pass_app
def command(app: App, lead: int, user: int, by: str, reason: str, actor: int | None, dry_run: bool) -> None:
    """Extend the base term of LEAD. A qualified activity every 60 days stays due all the same.

    \b
    JSON: {"lead_id", "before", "after": rows of v_user_lead_protection, "changed": [columns],
    "notices": [], "dry_run"}

    \b
    Exit codes: 0 done, 1 the database refused (LP001 unknown lead, LP002 another user's, LP003 over,
    LP004 blank reason, LP010 not a positive interval), 2 the interval cannot be read, 3 unreachable.

    \b
    Examples:
      leadguard extend 4711 --user 7 --by '30 days' --reason 'tender runs longer'
      leadguard extend 4711 --user 7 --by '1 month' --reason 'tender' --actor 99 --dry-run
    """
    with app.database.session("leadguard extend") as connection:
        by = interval(connection, by, "--by")
    parameters = {"user": user, "by": by, "reason": reason, "actor": actor}
    call(app, f"extended by {by}", _CALL, parameters, lead=lead, dry_run=dry_run)
