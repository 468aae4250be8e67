"""`leadguard hold`: stops the clock of a lead."""

from datetime import datetime

import click

from jobs.calls import call, call_options, reason_option
from jobs.console import App, pass_app
from jobs.sweep import moment

_CALL = """
    call public.create_lead_hold(
        %(lead)s, %(user)s, %(reason)s, actor_id => %(actor)s::bigint,
        start_at => %(start)s::timestamptz, end_at => %(end)s::timestamptz
    )
"""


@click.command("hold")
@reason_option
@click.option("--from", "start", type=moment, help="Since this past moment; default: now.")
@click.option("--until", "end", type=moment, help="Planned release; default: none, until it is released.")
@call_options
@pass_app
def command(
    app: App,
    lead: int,
    user: int,
    reason: str,
    start: datetime | None,
    end: datetime | None,
    actor: int | None,
    dry_run: bool,
) -> None:
    """Stop the clock of LEAD: while a hold is open no deadline comes nearer.

    A hold that covers this one already leaves everything as it is, and says so. Dates are taken in
    the business zone.

    \b
    JSON: {"lead_id", "before", "after": rows of v_user_lead_protection, "changed": [columns],
    "notices": [], "dry_run"}

    \b
    Exit codes: 0 done, 1 the database refused (LP001 unknown lead, LP002 another user's, LP003 over,
    LP004 blank reason, LP005 ends before it starts, LP007 in the future), 3 unreachable.

    \b
    Examples:
      leadguard hold 4711 --user 7 --reason 'price list owed'
      leadguard hold 4711 --user 7 --reason 'closed for renovation' --until 31.01.2027 --dry-run
    """
    parameters = {"user": user, "reason": reason, "actor": actor, "start": start, "end": end}
    call(app, "on hold", _CALL, parameters, lead=lead, dry_run=dry_run)
