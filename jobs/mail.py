"""`leadguard mail`: sends the reminder mail that waits, and shows or takes up what is stuck."""

import re
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from jobs.console import App, Command, common_options, pass_app, short_name, stdout
from jobs.console import to_json as as_json
from jobs.database import Database
from jobs.errors import UsageProblem
from jobs.exits import Exit
from jobs.letters import Letter
from jobs.mailer import DEFAULT_LIMIT, Mailed, Mailer, Row, claimed, composed, letter_for, mail_server
from jobs.smtp import EXAMPLE, VARIABLE, MailServer, NotAccepted

# --- what is shown and taken up by hand -------------------------------------------------------------------

_WAITING = """
    select m.id, m.state, m.user_id, m.recipient, m.attempts, m.unknowns, m.created_at, m.next_attempt_at,
           m.last_error,
           (select count(*) from public.mail_message_reminders as x where x.mail_id = m.id) as reminders
      from public.mail_messages as m
     where m.state <> 'SENT'
     order by m.state in ('BOUNCED', 'UNKNOWN') desc, m.id
     limit 1000
"""
# What the next pass makes messages of.
_TO_BE_WRITTEN = "select count(*) as reminders from public.v_reminders_to_be_mailed"
_SENDER = "select public.mail_sender() as sender"
_RESEND = "select public.resend_mail_messages(%s::bigint[]) as number"
_BY_EVENT = "select public.replace_mail_by_events(%s::bigint[]) as number"


def show_waiting(app: App) -> None:
    with app.database.session("leadguard mail") as connection:
        rows = connection.execute(_WAITING).fetchall()
        row = connection.execute(_TO_BE_WRITTEN).fetchone()
    to_be_written = row["reminders"] if row else 0
    if app.json:
        click.echo(as_json({"messages": rows, "reminders_to_be_written": to_be_written}))
        return
    if to_be_written:
        click.echo(f"The next pass writes to users about {to_be_written} reminders that are in no mail yet.")
    if not rows:
        if not to_be_written:
            click.echo("No mail waits.")
        return
    from rich.text import Text

    from jobs.tables import Table

    table = Table(title="Mail that is not sent", title_justify="left")
    for heading in ("Id", "State", "User", "To", "Reminders", "Attempts", "Since", "Last error"):
        table.add_column(heading)
    for row in rows:
        style = "bold red" if row["state"] in ("BOUNCED", "UNKNOWN") else ""
        table.add_row(
            str(row["id"]),
            Text(row["state"], style=style),
            str(row["user_id"]),
            Text(short_name(row["recipient"])),
            str(row["reminders"]),
            str(row["attempts"]),
            app.dates.moment(row["created_at"]),
            Text(short_name(row["last_error"])),
        )
    stdout().print(table)


def take_up(app: App, query: Any, ids: list[int] | None, done: str, dry_run: bool) -> None:
    with app.database.session("leadguard mail") as connection, connection.transaction(force_rollback=dry_run):
        row = connection.execute(query, [ids]).fetchone()
    number = row["number"] if row else 0
    app.report(f"{'would have ' if dry_run else ''}{done.format(number)}", number=number, dry_run=dry_run)


def preview(app: App, target: Path | None) -> None:
    """What a pass would send now, as a list and as files; nothing is sent or changed."""
    rows: list[Row] = []
    with app.database.session("leadguard mail") as connection, connection.transaction(force_rollback=True):
        composed(connection)
        while batch := claimed(connection, 1000):
            rows += batch
    messages: list[dict[str, Any]] = []
    for number, row in enumerate(rows, start=1):
        told: dict[str, Any] = {"to": row["recipient"], "reminders": len(row["reminders"])}
        try:
            letter = letter_for(row)
            told["subject"] = letter.subject
            if target is not None:
                told["file"] = _write(letter, target, number)
        except NotAccepted as problem:
            told["refused"] = problem.reason
        messages.append(told)
        if target is not None and target.suffix and "file" in told:
            break
    lines = [
        f"to {short_name(told['to'])}: {told.get('subject') or 'refused, ' + told['refused']}"
        f" (reminders: {told['reminders']})" + (f" -> {told['file']}" if "file" in told else "")
        for told in messages
    ]
    summary = f"would send {sum('subject' in told for told in messages)} messages"
    app.report("\n".join([summary, *lines]), messages=messages, count=len(messages), dry_run=True)


_FORMS: dict[str, Callable[[Letter], bytes]] = {
    ".eml": Letter.as_bytes,
    ".html": lambda letter: letter.html.encode("utf-8"),
    ".txt": lambda letter: letter.text.encode("utf-8"),
}


def _write(letter: Letter, target: Path, number: int) -> str:
    if target.suffix in _FORMS:
        target.write_bytes(_FORMS[target.suffix](letter))
        return str(target)
    if target.suffix:
        raise UsageProblem(f"--preview writes {', '.join(_FORMS)}, or into a directory", "Such as mail.html")
    target.mkdir(parents=True, exist_ok=True)
    for suffix, form in _FORMS.items():
        (target / f"mail-{number:04}{suffix}").write_bytes(form(letter))
    return str(target / f"mail-{number:04}.eml")


# --- the command ------------------------------------------------------------------------------------------


def _ids(given: tuple[str, ...]) -> list[int] | None:
    """The ids of --resend; None for all that are stuck."""
    if given == ("all",):
        return None
    if not all(re.fullmatch(r"\d{1,18}", text) for text in given):
        raise UsageProblem("--resend takes ids, or all", "See them with: leadguard mail --list")
    return [int(text) for text in given]


def smtp_option(what: str) -> Callable[[Command], Command]:
    """`--smtp`: the mail server."""
    return click.option(
        "--smtp",
        "smtp_url",
        envvar=VARIABLE,
        metavar="URL",
        help=what.format(example=EXAMPLE, variable=VARIABLE),
    )


@click.command("mail")
@smtp_option("The mail server, such as {example} (also {variable}).")
@click.option(
    "--limit",
    type=click.IntRange(1, 1000),
    default=DEFAULT_LIMIT,
    show_default=True,
    help="Messages in one claim.",
)
@click.option("--dry-run", is_flag=True, help="Show what would be sent; send and change nothing.")
@click.option(
    "--preview",
    "target",
    type=click.Path(path_type=Path),
    metavar="FILE|DIR",
    help="Like --dry-run, and write the messages: all as .eml, .html, .txt into DIR, or the first to FILE.",
)
@click.option("--list", "is_list", is_flag=True, help="Show what is not sent, what is stuck first.")
@click.option("--resend", multiple=True, metavar="ID|all", help="Queue stuck mail again.")
@click.option(
    "--by-event",
    multiple=True,
    type=click.IntRange(1),
    metavar="ID",
    help="Give up this mail: its reminders count as sent when the sink has accepted their events.",
)
@common_options
@pass_app
def command(
    app: App,
    smtp_url: str | None,
    limit: int,
    dry_run: bool,
    target: Path | None,
    is_list: bool,
    resend: tuple[str, ...],
    by_event: tuple[int, ...],
) -> int:
    """Send the reminder mail that waits (one pass, for cron).

    Mail is configured by the setting mail_from; reminders queued from then on go by mail to users with an
    address, and count as sent when the mail server has accepted them. More than
    reminder_digest_threshold (policy) for one user in one run go out as one message.

    The server: smtp:// (starttls=required|optional|never; required unless it is this machine) or smtps://,
    timeout=SECONDS (30). The password stands in the file that LEADGUARD_SMTP_PASSWORD_FILE names, in
    LEADGUARD_SMTP_PASSWORD, or in the URL. SSL_CERT_FILE names authorities other than the system's.

    What the server puts off (4xx) is tried again after 1, 2, 4, … 15 minutes. What it refuses (5xx) has
    bounced: a corrected address is tried at once by itself; else --resend or --by-event. If a worker dies
    between sending and recording, the message is sent once more with the same Message-ID. Until a
    reminder is sent nobody's ten days run.

    \b
    JSON: {"composed", "sent", "put_off", "bounced", "unknown",
    "failures": [{"id", "recipient", "outcome", "reason"}]}; with --list {"messages": [],
    "reminders_to_be_written": in no message yet}

    \b
    Exit codes: 0 done, also where some were put off or bounced, 1 the database refused, 2 no server or
    no sender is named, 3 unreachable, 6 the mail server failed (nothing is lost, the next pass goes on).

    \b
    Examples:
      leadguard mail --smtp smtp://leads@mail.example:587
      leadguard mail --preview mails/
      leadguard mail --list
      leadguard mail --resend all
      leadguard mail --by-event 17
      * * * * *  leadguard mail        # crontab
    """
    if is_list:
        show_waiting(app)
        return Exit.DONE
    if resend:
        take_up(app, _RESEND, _ids(resend), "queued {} messages again", dry_run)
        return Exit.DONE
    if by_event:
        take_up(app, _BY_EVENT, list(by_event), "left {} reminders to their events", dry_run)
        return Exit.DONE
    if dry_run or target is not None:
        preview(app, target)
        return Exit.DONE
    server = mail_server(smtp_url)
    app.start_logging()
    done = send_waiting(app.database, server, limit)
    app.report(
        f"sent {done.sent} messages, {done.put_off} put off, {done.bounced} bounced, {done.unknown} unknown",
        **asdict(done),
    )
    return Exit.DONE


def send_waiting(database: Database, server: MailServer, limit: int) -> Mailed:
    """One pass, on record in job_runs."""
    with database.session("leadguard mail") as connection, database.job_run(connection, "mail") as detail:
        sender = connection.execute(_SENDER).fetchone()
        done = Mailer(connection, server, limit).run()
        detail.update(done.counts())
    if not sender or not sender["sender"]:
        raise UsageProblem(
            "mail is not configured",
            "Name the sender: update settings set value = 'leads@mail.example' where name = 'mail_from'",
        )
    return done
