"""`leadguard outbox`: look at events, bring published ones back, discard pending ones."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, LiteralString
from uuid import UUID

import click

from jobs.console import ID, App, Command, common_options, pass_app, stdout
from jobs.console import to_json as as_json
from jobs.database import Connection
from jobs.dates import BUSINESS_ZONE, Dates, environment_locale
from jobs.errors import LeadguardError
from jobs.sweep import moment
from jobs.tables import Table

Rows = list[dict[str, Any]]

STATES = ("pending", "claimed", "retrying", "dead", "published")

_LIST = """
    select id, event_id, event_type, lead_id, user_id, state, created_at, published_at, payload,
           attempts, next_attempt_at, last_error
      from public.list_outbox_events(
          %(ids)s::bigint[], %(event_ids)s::uuid[], %(state)s, %(event_type)s, %(lead)s, %(since)s, %(until)s,
          %(limit)s
      )
"""
_REPLAY = """
    select id, former_id, event_id, event_type, lead_id
      from public.replay_outbox_events(
          %(ids)s::bigint[], %(event_type)s, %(lead)s, %(since)s, %(until)s, %(state)s
      )
"""
_DISCARD = """
    select id, event_id, event_type, lead_id, is_queued_anew
      from public.discard_outbox_events(%(ids)s::bigint[])
"""
# So many rows are printed for people; machines get all.
_SHOWN = 20


def event_name(text: str) -> int | UUID:
    """An event's number in the outbox, or its event_id."""
    if text.isascii() and text.isdecimal() and int(text) < 1 << 63:
        return int(text)
    try:
        return UUID(text)
    except ValueError:
        raise click.BadParameter(f"{text!r} is neither a number nor an event_id") from None


def filter_options(command: Command) -> Command:
    """The conditions by which events are chosen; all that are given hold together."""
    event_type = click.option("--type", "event_type", metavar="TYPE", help="Of this type.")
    lead = click.option("--lead", type=ID, metavar="ID", help="Of this lead.")
    since = click.option(
        "--since",
        type=moment,
        metavar="TIME",
        help="Published (or given up, else written) at this moment or later.",
    )
    until = click.option(
        "--until", type=moment, metavar="TIME", help="Published (or given up, else written) before it."
    )
    return event_type(lead(since(until(command))))


def _check_span(since: datetime | None, until: datetime | None) -> None:
    """Refuses a time that ends before it begins: nothing would ever match."""
    if since and until and since >= until:
        raise click.UsageError("--since is not before --until")


yes_option = click.option("--yes", is_flag=True, help="Do it; without this it is only shown.")


def find(connection: Connection, limit: int = 50, **conditions: Any) -> Rows:
    """What `list_outbox_events` tells under these conditions."""
    names = ("ids", "event_ids", "state", "event_type", "lead", "since", "until")
    parameters = {name: conditions.get(name) for name in names}
    return connection.execute(_LIST, {**parameters, "limit": limit}).fetchall()


def numbers(connection: Connection, events: Sequence[int | UUID]) -> list[int] | None:
    """The numbers of the events named, which all exist; None when none is named."""
    if not events:
        return None
    ids = [event for event in events if isinstance(event, int)]
    event_ids = [event for event in events if isinstance(event, UUID)]
    rows = find(connection, len(events), ids=ids) + find(connection, len(events), event_ids=event_ids)
    found: dict[int | UUID, int] = {row[name]: row["id"] for row in rows for name in ("id", "event_id")}
    for event in events:
        if event not in found:
            raise _unknown(event)
    return [found[event] for event in events]


def _unknown(event: int | UUID) -> LeadguardError:
    error = LeadguardError(f"unknown event: {event}", "See what there is: leadguard outbox list")
    error.sqlstate = "LP024"
    return error


def change(connection: Connection, query: LiteralString, parameters: dict[str, Any], yes: bool) -> Rows:
    """Runs what changes the outbox; without `yes` in a transaction that is rolled back."""
    with connection.transaction(force_rollback=not yes):
        return connection.execute(query, parameters).fetchall()


def events_table(rows: Rows, *columns: str) -> Table:
    """The first of these events, for people."""
    dates = Dates(locale=environment_locale())
    table = Table(*columns)
    for row in rows[:_SHOWN]:
        cells = [row[name] for name in columns]
        texts = (dates.moment(cell) if isinstance(cell, datetime) else cell for cell in cells)
        table.add_row(*("" if text is None else str(text) for text in texts))
    return table


def _report(app: App, rows: Rows, done: str, would: str, yes: bool) -> None:
    if app.json:
        click.echo(as_json({"events": rows, "count": len(rows), "dry_run": not yes}))
        return
    if rows:
        stdout().print(events_table(rows, "id", "event_id", "event_type", "lead_id"))
    if len(rows) > _SHOWN:
        click.echo(f"... and {len(rows) - _SHOWN} more")
    click.echo(
        f"{done if yes else would}: {len(rows)} events" + ("" if yes or not rows else "; do it with --yes")
    )


@click.group("outbox")
def command() -> None:
    """Look at the events in the outbox, its dead letters and its archive, replay or discard some.

    \b
    Examples:
      leadguard outbox list --state pending --lead 4711
      leadguard outbox list --state dead
      leadguard outbox replay --type lead.protection.expired --since "31.08.2026 14:00" --yes
    """


@command.command("list")
@click.option(
    "--state",
    type=click.Choice(STATES),
    help="claimed: a publisher has it at this moment; retrying: refused, to be tried again; dead: given up.",
)
@filter_options
@click.option(
    "--limit", type=click.IntRange(1, 100_000), default=_SHOWN, show_default=True, help="At most so many."
)
@common_options
@pass_app
def list_command(
    app: App,
    state: str | None,
    event_type: str | None,
    lead: int | None,
    since: datetime | None,
    until: datetime | None,
    limit: int,
) -> None:
    """List events: what waits first, then dead letters, then what was published, the latest first.

    \b
    Exit codes: 0 done, 1 the database refused (LP026 unknown type), 3 unreachable, 7 not migrated.

    \b
    Examples:
      leadguard outbox list
      leadguard outbox list --state published --type lead.protection.expired --since 01.08.2026
      leadguard outbox list --lead 4711 --json | jq .payload
    """
    _check_span(since, until)
    with app.database.session("leadguard outbox") as connection:
        rows = find(
            connection,
            limit,
            state=state and state.upper(),
            event_type=event_type,
            lead=lead,
            since=since,
            until=until,
        )
    if app.json:
        for row in rows:
            click.echo(as_json(row))
        return
    if not rows:
        click.echo("no event matches")
        return
    columns = ["id", "event_type", "lead_id", "user_id", "state", "created_at", "published_at"]
    if any(row["attempts"] for row in rows):
        columns += ["attempts", "next_attempt_at", "last_error"]
    for start in range(0, len(rows), _SHOWN):
        stdout().print(events_table(rows[start : start + _SHOWN], *columns))
    click.echo(f"Times are {BUSINESS_ZONE}.")


@command.command("show")
@click.argument("event", type=event_name, metavar="ID")
@common_options
@pass_app
def show_command(app: App, event: int | UUID) -> None:
    """Show one event with its payload. ID is its number in the outbox or its event_id.

    \b
    Exit codes: 0 done, 1 unknown event (LP024), 3 unreachable.

    \b
    Examples:
      leadguard outbox show 17
      leadguard outbox show 0b6ef0f4-7b0e-4f52-9d5e-4f3a1d6d4c7a --json
    """
    with app.database.session("leadguard outbox") as connection:
        name = "event_ids" if isinstance(event, UUID) else "ids"
        rows = find(connection, 1, **{name: [event]})
    if not rows:
        raise _unknown(event)
    if app.json:
        click.echo(as_json(rows[0]))
        return
    dates = Dates(locale=environment_locale())
    for name, value in rows[0].items():
        if name != "payload":
            text = dates.moment(value) if isinstance(value, datetime) else value
            click.echo(f"{name + ':':17}{'' if text is None else text}")
    for name, value in rows[0]["payload"].items():
        click.echo(f"  {name + ':':24}{as_json(value)}")


@command.command("replay")
@click.argument("events", type=event_name, nargs=-1, metavar="[ID]...")
@click.option("--state", type=click.Choice(("published", "dead")), help="Only such; default: both.")
@filter_options
@yes_option
@common_options
@pass_app
def replay_command(
    app: App,
    events: tuple[int | UUID, ...],
    state: str | None,
    event_type: str | None,
    lead: int | None,
    since: datetime | None,
    until: datetime | None,
    yes: bool,
) -> None:
    """Queue published events and dead letters again, by ID, type, lead or time; without --yes only show.

    They go out with the next `leadguard publish`: the same bytes under the same event_id, in the order
    in which they were written, behind what waits already. An ID is a number in the outbox or an
    event_id. A reminder's sent_at stays; that of one that was given up is set when it is accepted.

    \b
    Exit codes: 0 done, 1 the database refused (LP023 no condition, LP024 unknown event, LP026
    unknown type), 3 unreachable.

    \b
    Examples:
      leadguard outbox replay --lead 4711
      leadguard outbox replay --state dead --yes
      leadguard outbox replay --since "31.08.2026 14:00" --until "31.08.2026 15:30" --yes
      leadguard outbox replay 17 18 --yes
    """
    _check_span(since, until)
    with app.database.session("leadguard outbox") as connection:
        conditions = {
            "ids": numbers(connection, events),
            "event_type": event_type,
            "lead": lead,
            "since": since,
            "until": until,
            "state": state and state.upper(),
        }
        rows = change(connection, _REPLAY, conditions, yes)
    if not yes:  # the new numbers were taken back: these are the ones that it can be told by
        rows = [{**row, "id": row["former_id"]} for row in rows]
    _report(app, rows, "queued again", "would queue again", yes)


@command.command("discard")
@click.argument("events", type=event_name, nargs=-1, required=True, metavar="ID...")
@yes_option
@common_options
@pass_app
def discard_command(app: App, events: tuple[int | UUID, ...], yes: bool) -> None:
    """Delete pending events or dead letters that nobody shall get; without --yes only show which.

    A reminder's row goes with its event, so that it is queued anew if it is still due; one that was
    sent before stays sent. What had been published before it was replayed is in the archive again. All
    are discarded or none.

    \b
    Exit codes: 0 done, 1 the database refused (LP024 neither pending nor dead, LP025 a publisher has
    it), 3 unreachable.

    \b
    Examples:
      leadguard outbox discard 17
      leadguard outbox discard 17 18 --yes
    """
    with app.database.session("leadguard outbox") as connection:
        rows = change(connection, _DISCARD, {"ids": numbers(connection, events)}, yes)
    _report(app, rows, "discarded", "would discard", yes)
