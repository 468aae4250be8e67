"""`leadguard reinstate`: starts a new protection after an expiry."""

import click

from jobs.calls import call, call_options, reason_option
from jobs.console import App, pass_app

_CALL = """
    call public.reinstate_lead_protection(%(lead)s, %(user)s, %(reason)s, actor_id => %(actor)s::bigint)
"""


@click.command("reinstate")
@reason_option
@call_options
@pass_app
def command(app: App, lead: int, user: int, reason: str, actor: int | None, dry_run: bool) -> None:
    """Start a new protection of LEAD for its user, now, after the old one has expired.

    The expired one stays what it was; an expiry that nobody has recorded yet is recorded on the way.

    \b
    JSON: {"lead_id", "before", "after": rows of v_user_lead_protection, "changed": [columns],
    "notices": [], "dry_run"}

    \b
    Exit codes: 0 done, 1 the database refused (LP001 unknown lead, LP002 another user's, LP004 blank
    reason, LP011 still running, LP012 converted), 3 unreachable.

    \b
    Examples:
      leadguard reinstate 4711 --user 7 --reason 'partner was ill'
      leadguard reinstate 4711 --user 7 --reason 'partner was ill' --dry-run
    """
    parameters = {"user": user, "reason": reason, "actor": actor}
    call(app, "reinstated", _CALL, parameters, lead=lead, dry_run=dry_run)
