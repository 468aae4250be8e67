"""`leadguard release`: lets the clock of a lead run again."""

import click

from jobs.calls import call, call_options
from jobs.console import App, pass_app

_CALL = "call public.release_lead_hold(%(lead)s, %(user)s, actor_id => %(actor)s::bigint)"


@click.command("release")
@call_options
@pass_app
def command(app: App, lead: int, user: int, actor: int | None, dry_run: bool) -> None:
    """Let the clock of LEAD run again: every hold of it ends now, planned releases too.

    Where no hold is open everything stays as it is, and that is said.

    \b
    JSON: {"lead_id", "before", "after": rows of v_user_lead_protection, "changed": [columns],
    "notices": [], "dry_run"}

    \b
    Exit codes: 0 done, 1 the database refused (LP001 unknown lead, LP002 another user's),
    3 unreachable.

    \b
    Examples:
      leadguard release 4711 --user 7
      leadguard release 4711 --user 7 --dry-run --json
    """
    call(app, "released", _CALL, {"user": user, "actor": actor}, lead=lead, dry_run=dry_run)
