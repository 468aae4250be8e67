"""`leadguard status`: how the leads stand, what is due next, what waits, whether the jobs run."""

from datetime import datetime
from typing import Any

import click
from rich.console import Group, RenderableType
from rich.text import Text

from jobs.console import App, Seconds, common_options, locale_option, pass_app, short_name
from jobs.database import Connection
from jobs.dates import Dates
from jobs.tables import Table
from jobs.watch import show, watch

# In the order of a lead's life.
STATES = ("PROTECTED", "REMINDER_DUE", "GRACE", "EXPIRED", "CONVERTED")

# One look at every lead: what is due next is found on the way.
_COUNTS = """
    select state,
           count(*) as leads,
           count(*) filter (where clock_stopped_since is not null) as on_hold,
           min(reminder_due_at) filter (
               where state = 'PROTECTED' and clock_stopped_since is null
           ) as reminder_at,
           min(least(base_expires_at, case when state = 'GRACE' then grace_ends_at end)) filter (
               where state in ('PROTECTED', 'REMINDER_DUE', 'GRACE') and clock_stopped_since is null
           ) as expiry_at
      from public.v_user_lead_protection
     group by state
"""

# What will happen by itself: an open hold moves all of it, so leads on hold are left out.
_DEADLINES = """
    select d.at, d.what, v.lead_id, l.company_name, v.user_id, v.state
      from public.v_user_lead_protection as v
      join public.leads as l on l.id = v.lead_id
     cross join lateral (values
           (v.reminder_due_at, 'reminder falls due', v.state = 'PROTECTED'),
           (v.grace_ends_at, 'grace ends', v.state = 'GRACE'),
           (v.base_expires_at, 'base term ends', v.state in ('PROTECTED', 'REMINDER_DUE', 'GRACE'))
           ) as d (at, what, is_ahead)
     where d.is_ahead and d.at > now() and v.clock_stopped_since is null
     order by d.at, v.lead_id
     limit %s
"""

_OUTBOX = """
    select count(*) as pending, min(created_at) as oldest,
           round(extract(epoch from now() - min(created_at)), 1) as lag_seconds,
           count(*) filter (where last_error is not null) as retrying,
           (select count(*) from public.outbox_dead_letters) as dead_letters
      from public.outbox
"""

# Only where mail is configured, or was.
_MAIL = """
    select count(*) filter (where m.state in ('PENDING', 'CLAIMED', 'SENDING')) as pending,
           min(m.created_at) filter (where m.state in ('PENDING', 'CLAIMED', 'SENDING')) as oldest,
           count(*) filter (where m.state = 'BOUNCED') as bounced,
           count(*) filter (where m.state = 'UNKNOWN') as unknown
      from public.mail_messages as m
     where m.state <> 'SENT'
    having count(*) > 0 or public.mail_sender() is not null
"""

# What needs a person: events of others that could not be applied, and receivers that are gone.
_INBOX = "select count(*) as dead_letters, min(first_at) as oldest from public.inbox_dead_letters"
_DISABLED_SINKS = "select sink, disabled_at, reason from public.list_disabled_sinks()"
_PAUSED_SINKS = "select sink, paused_until, reason from public.list_paused_sinks()"

# From name to name along the index: a job that runs every few seconds leaves many rows. One that has never
# run is told of when it should have.
_JOBS = """
    with recursive names as (
        select min(job) as job from public.job_runs
         union all
        select (select min(j.job) from public.job_runs as j where j.job > n.job)
          from names as n
         where n.job is not null
    )
    select l.*, s.finished_at as last_success_at,
           e.job is not null as expected, coalesce(e.status <> 'OK', false) as silent
      from names as n
     cross join lateral (
         select j.job, j.started_at, j.finished_at, j.outcome, j.detail
           from public.job_runs as j
          where j.job = n.job
          order by j.started_at desc
          limit 1
     ) as l
      left join lateral (
         select j.finished_at
           from public.job_runs as j
          where j.job = n.job and j.outcome = 'SUCCESS'
          order by j.started_at desc
          limit 1
     ) as s on true
      left join public.v_expected_jobs as e on e.job = n.job
     union all
    select e.job, null, null, null, null, null, true, true
      from public.v_expected_jobs as e
     where e.status <> 'OK' and not exists (select from public.job_runs as j where j.job = e.job)
     order by 1
"""


def counts(connection: Connection) -> list[dict[str, Any]]:
    """Leads by state, every state in its place even when empty; and what comes next in each."""
    found = {row["state"]: row for row in connection.execute(_COUNTS)}
    empty = {"leads": 0, "on_hold": 0, "reminder_at": None, "expiry_at": None}
    return [found.get(state, {"state": state, **empty}) for state in STATES]


def deadlines(connection: Connection, limit: int) -> list[dict[str, Any]]:
    """What happens next if nobody does anything."""
    return connection.execute(_DEADLINES, [limit]).fetchall()


def backlog(connection: Connection) -> dict[str, Any]:
    """The events not yet published."""
    row = connection.execute(_OUTBOX).fetchone()
    assert row is not None
    return row


def troubles(connection: Connection) -> dict[str, Any]:
    """What needs a person."""
    return {
        "inbox": connection.execute(_INBOX).fetchone(),
        "disabled_sinks": connection.execute(_DISABLED_SINKS).fetchall(),
        "paused_sinks": connection.execute(_PAUSED_SINKS).fetchall(),
    }


def status(connection: Connection, upcoming: int) -> dict[str, Any]:
    """All of it, of one moment."""
    with connection.transaction():
        connection.execute("set transaction isolation level repeatable read read only")
        now = connection.execute("select now() as at").fetchone()
        assert now is not None
        rows = counts(connection)
        return {
            "at": now["at"],
            "states": [{name: row[name] for name in ("state", "leads", "on_hold")} for row in rows],
            "next_reminder_at": min((row["reminder_at"] for row in rows if row["reminder_at"]), default=None),
            "next_expiry_at": min((row["expiry_at"] for row in rows if row["expiry_at"]), default=None),
            "due_next": deadlines(connection, upcoming),
            "outbox": backlog(connection),
            **troubles(connection),
            "mail": connection.execute(_MAIL).fetchone(),
            "jobs": connection.execute(_JOBS).fetchall(),
        }


def counts_table(rows: list[dict[str, Any]]) -> Table:
    table = Table("State", "Leads", "on hold", title="Leads by state", title_justify="left")
    for column in table.columns[1:]:
        column.justify = "right"
    for row in rows:
        table.add_row(row["state"], str(row["leads"]), str(row["on_hold"] or ""))
    return table


def deadlines_table(rows: list[dict[str, Any]], dates: Dates) -> Table:
    table = Table(title="Due next", title_justify="left")
    for heading in ("When", "What", "Lead", "Company", "User", "State"):
        table.add_column(heading, no_wrap=heading != "Company")
    for row in rows:
        lead, user, company = str(row["lead_id"]), str(row["user_id"]), Text(short_name(row["company_name"]))
        table.add_row(dates.moment(row["at"]), row["what"], lead, company, user, row["state"])
    return table


def jobs_table(rows: list[dict[str, Any]], dates: Dates, now: datetime) -> Table:
    table = Table(title="Last run of each job", title_justify="left")
    for heading in ("Job", "Began", "Ended", "Last success"):
        table.add_column(heading, no_wrap=heading != "Ended")
    for row in rows:
        began = row["started_at"]
        ended = Text(
            row["outcome"] or ("running, or killed" if began else "has never run"),
            style=_STYLES.get(row["outcome"], ""),
        )
        if row["outcome"] == "FAILURE" and row["detail"].get("error"):
            ended.append(f": {row['detail']['error']}", style="")
        success = Text(
            _ago(row["last_success_at"], now) or "never", style="bold red" if row["silent"] else ""
        )
        if row["silent"]:
            success.append(": too long")
        elif not row["expected"]:
            success.append(", not expected", style="dim")
        table.add_row(row["job"], dates.moment(began) if began else "", ended, success)
    return table


_STYLES = {"SUCCESS": "green", "FAILURE": "bold red"}


def _ago(at: datetime | None, now: datetime) -> str:
    if at is None:
        return ""
    seconds = max(0, int((now - at).total_seconds()))
    for unit, length in (("days", 86400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * length:
            return f"{seconds // length} {unit} ago"
    return f"{seconds} s ago"


def rendered(told: dict[str, Any], dates: Dates) -> RenderableType:
    """The screen for people."""
    ahead = [
        f"{what} {dates.moment(told[member])}."
        for what, member in (
            ("The next reminder falls due", "next_reminder_at"),
            ("The next protection ends", "next_expiry_at"),
        )
        if told[member]
    ]
    waiting = told["outbox"]
    oldest = f", the oldest since {dates.moment(waiting['oldest'])}" if waiting["oldest"] else ""
    parts: list[RenderableType] = [counts_table(told["states"])]
    if told["due_next"]:
        parts.append(deadlines_table(told["due_next"], dates))
    parts.append(Text(" ".join(ahead) or "Nothing is due by itself."))
    if told["jobs"]:
        parts.append(jobs_table(told["jobs"], dates, told["at"]))
    else:
        parts.append(Text("No job has run yet."))
    again = f", {waiting['retrying']} of them refused and to be tried again" if waiting["retrying"] else ""
    parts.append(Text(f"Outbox: {waiting['pending']} events pending{oldest}{again}."))
    if waiting["dead_letters"]:
        dead = f"Dead letters: {waiting['dead_letters']}. See them: leadguard outbox list --state dead"
        parts.append(Text(dead, style="bold red"))
    parts += trouble_lines(told, dates)
    if told["mail"]:
        parts.append(_mail_line(told["mail"], dates))
    parts.append(Text(f"As of {dates.moment(told['at'])} ({dates.where.key}).", style="dim"))
    return Group(*parts)


def trouble_lines(told: dict[str, Any], dates: Dates) -> list[Text]:
    """A line for each of troubles()."""
    lines = []
    if told["inbox"]["dead_letters"]:
        dead = f"Inbox: {told['inbox']['dead_letters']} dead letters. See them: leadguard inbox list"
        lines.append(Text(dead, style="bold red"))
    for sink in told["disabled_sinks"]:
        since = dates.moment(sink["disabled_at"])
        gone = f"Sink {sink['sink']} is disabled since {since} ({sink['reason']}): leadguard sinks --help"
        lines.append(Text(gone, style="bold red"))
    for sink in told["paused_sinks"]:
        until = dates.moment(sink["paused_until"])
        lines.append(Text(f"Sink {sink['sink']} asked to wait until {until} ({sink['reason']})."))
    return lines


def _mail_line(mail: dict[str, Any], dates: Dates) -> Text:
    oldest = f", the oldest since {dates.moment(mail['oldest'])}" if mail["oldest"] else ""
    line = Text(f"Mail: {mail['pending']} messages pending{oldest}")
    if mail["bounced"] or mail["unknown"]:
        stuck = f"; {mail['bounced']} bounced, {mail['unknown']} unknown: see leadguard mail --list"
        line.append(stuck, style="bold red")
    return line.append(".")


def _screen(told: dict[str, Any], dates: Dates, height: int | None) -> RenderableType:
    """What fits the terminal: the list of deadlines gives way, for the rest is short."""
    if height is None:
        return rendered(told, dates)
    jobs = len(told["jobs"]) + 5 if told["jobs"] else 1
    room = height - len(told["states"]) - 5 - jobs - 3 - 5
    return rendered(told | {"due_next": told["due_next"][: max(0, room)]}, dates)


@click.command("status")
@click.option(
    "--next",
    "upcoming",
    type=click.IntRange(0, 1000),
    default=10,
    show_default=True,
    help="How many deadlines are shown.",
)
@click.option(
    "--watch",
    "seconds",
    type=Seconds(0.1, 86400),
    is_flag=False,
    flag_value=2,
    metavar="[SECONDS]",
    help="Draw anew every 2 seconds, or as given, until Ctrl-C; with --json a line each time.",
)
@locale_option
@common_options
@pass_app
def command(app: App, upcoming: int, seconds: float | None) -> None:
    """Show the leads by state, what is due next, the outbox's backlog, the last run of each job.

    Leads on hold are left out of what is due: their deadlines move until the hold ends.

    A job that is silent has had no success for longer than expected_jobs allows; one that never ran is shown
    when it is. Switch one off: select expect_job('breaches', false); on again: select expect_job('breaches').

    \b
    JSON: {"at", "states": [{"state", "leads", "on_hold"}], "next_reminder_at", "next_expiry_at",
    "due_next": [{"at", "what", "lead_id", "company_name", "user_id", "state"}],
    "outbox": {"pending", "oldest", "lag_seconds", "retrying", "dead_letters"},
    "inbox": {"dead_letters", "oldest"}, "disabled_sinks": [{"sink", "disabled_at", "reason"}],
    "paused_sinks": [{"sink", "paused_until", "reason"}],
    "mail": {"pending", "oldest", "bounced", "unknown"}, or null where it is not configured,
    "jobs": [{"job", "started_at", "finished_at", "outcome", "detail", "last_success_at",
    "expected", "silent"}]}

    \b
    Exit codes: 0 done (also Ctrl-C under --watch), 1 the database refused, 3 unreachable,
    7 not migrated.

    \b
    Examples:
      leadguard status
      leadguard status --watch 5
      leadguard status --next 30 --json
    """

    def read() -> dict[str, Any]:
        with app.database.session("leadguard status") as connection:
            return status(connection, upcoming)

    def draw(told: dict[str, Any], height: int | None) -> RenderableType:
        return _screen(told, app.dates, height)

    if seconds is None:
        show(app, read(), draw)
        return
    try:
        watch(app, seconds, read, draw)
    except KeyboardInterrupt:
        # That is how a watch ends.
        return
