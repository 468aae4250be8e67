"""`leadguard sinks`: the webhooks that are gone or asked to wait, and letting events go there again."""

import click

from jobs.console import App, common_options, pass_app
from jobs.console import to_json as as_json

_LIST = b"select sink, reason, disabled_at from public.list_disabled_sinks()"
_LIST_PAUSED = b"select sink, reason, paused_at, paused_until from public.list_paused_sinks()"
_ENABLE = b"select public.enable_sink(%s)"


@click.group("sinks")
def command() -> None:
    """Look at disabled and paused sinks, and enable one.

    A webhook that answers 410 Gone gets no further event, from no process: they wait in the outbox
    until the sink is enabled, or LEADGUARD_SINK names another. One that answers with a Retry-After gets
    none until that time is over.

    \b
    Examples:
      leadguard sinks list
      leadguard sinks enable https://receiver.example/events
    """


@command.command("list")
@common_options
@pass_app
def list_command(app: App) -> None:
    """List the sinks that are disabled or paused, since when, until when and why.

    \b
    Exit codes: 0 done, 3 unreachable, 7 not migrated.

    \b
    Examples:
      leadguard sinks list
      leadguard sinks list --json | jq -r .sink
    """
    with app.database.session("leadguard sinks") as connection:
        rows = connection.execute(_LIST).fetchall()
        paused = connection.execute(_LIST_PAUSED).fetchall()
    for row in rows:
        since = app.dates.moment(row["disabled_at"])
        click.echo(as_json(row) if app.json else f"{row['sink']}: disabled since {since} ({row['reason']})")
    for row in paused:
        until = app.dates.moment(row["paused_until"])
        click.echo(as_json(row) if app.json else f"{row['sink']}: paused until {until} ({row['reason']})")
    if not rows and not paused and not app.json:
        click.echo("no sink is disabled or paused")


@command.command("enable")
@click.argument("sink", metavar="URL")
@common_options
@pass_app
def enable_command(app: App, sink: str) -> None:
    """Let events go to a sink again. URL is as `sinks list` shows it.

    \b
    Exit codes: 0 done, 1 it is neither disabled nor paused (LP043), 3 unreachable, 7 not migrated.

    \b
    Examples:
      leadguard sinks enable https://receiver.example/events
    """
    with app.database.session("leadguard sinks") as connection:
        connection.execute(_ENABLE, [sink])
    app.report(f"{sink} is enabled: the next pass publishes", sink=sink, enabled=True)
