"""`leadguard mail`: sends the reminder mail that waits, and shows or takes up what is stuck."""

import re
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click
import psycopg

from jobs.console import App, common_options, pass_app, short_name, stdout
from jobs.console import to_json as as_json
from jobs.database import Connection, Database
from jobs.errors import UsageProblem, one_line
from jobs.exits import Exit
from jobs.letters import Letter, NoSender, Unmailable, compose
from jobs.logs import logger
from jobs.smtp import EXAMPLE, VARIABLE, MailServer, MailServerFailed, NotAccepted, parse_address

_COMPOSE = "select public.compose_mail_messages() as composed"
_CLAIM = "select * from public.claim_mail_messages(%s)"
_START = "select public.start_mail_message(%s, %s) as is_ours"
_SENT = "select public.record_mail_sent(%s)"
_FAILURE = "select public.record_mail_failure(%s, %s, %s, %s)"
_RELEASE = "select public.release_mail_messages(%s)"
_SENDER = "select public.mail_sender() as sender"
# Messages in one claim: a claim that is given back has cost nothing, and nobody waits long for a small one.
DEFAULT_LIMIT = 50
# Connections that break one after the other: then it is the server and not a message.
_MOST_BROKEN = 2

Row = dict[str, Any]


@dataclass
class Mailed:
    """What one pass did."""

    composed: int = 0
    sent: int = 0
    put_off: int = 0
    bounced: int = 0
    unknown: int = 0
    failures: list[dict[str, Any]] = field(default_factory=list)

    def counts(self) -> dict[str, int]:
        """The numbers alone: addresses and what servers say of them have no place in job_runs."""
        return {name: count for name, count in asdict(self).items() if isinstance(count, int)}


class Mailer:
    """Sends what waits, pass by pass. No transaction is open while the server is talked to."""

    def __init__(
        self,
        connection: Connection,
        server: MailServer,
        limit: int = DEFAULT_LIMIT,
        is_stopping: Callable[[], bool] = lambda: False,
        progressed: Callable[[], None] = lambda: None,
    ) -> None:
        self._connection = connection
        self._server = server
        self._limit = limit
        self._is_stopping = is_stopping
        self._progressed = progressed
        self._broken = 0  # connections in a row

    def run(self) -> Mailed:
        """One pass: until nothing is to be sent that nobody else is at."""
        done = Mailed(composed=composed(self._connection))
        try:
            while not self._is_stopping():
                batch = self._connection.execute(_CLAIM, [self._limit]).fetchall()
                if not batch:
                    break
                try:
                    self._send(batch, done)
                finally:
                    self._release(batch[0]["token"])
        finally:
            self._server.close()
        return done

    def _send(self, batch: list[Row], done: Mailed) -> None:
        for row in batch:
            if self._is_stopping():
                return
            # Before the message is begun: a server that is away is no attempt.
            self._server.connect()
            started = self._connection.execute(_START, [row["id"], row["token"]]).fetchone()
            if not started or not started["is_ours"]:
                continue
            try:
                self._hand_over(row)
            except NotAccepted as problem:
                self._failed(row, problem, done)
                if self._broken >= _MOST_BROKEN:
                    raise MailServerFailed(
                        f"the mail server breaks off: {problem.reason}",
                        "Nothing is lost: the next pass sends what waits.",
                    ) from problem
            except MailServerFailed as problem:
                self._failed(row, NotAccepted("PUT OFF", problem.message), done)
                raise
            else:
                self._connection.execute(_SENT, [row["id"]])
                self._broken = 0
                done.sent += 1
            self._progressed()

    def _hand_over(self, row: Row) -> None:
        letter = letter_for(row)
        if letter.needs_utf8 and not self._server.takes_utf8:
            raise NotAccepted("BOUNCED", "the mail server takes no address with letters beyond ASCII")
        self._server.send(letter.sender, letter.recipient, letter.as_bytes(), letter.needs_utf8)

    def _failed(self, row: Row, problem: NotAccepted, done: Mailed) -> None:
        outcome = problem.outcome.lower().replace(" ", "_")
        self._connection.execute(_FAILURE, [row["id"], row["token"], problem.outcome, problem.reason])
        setattr(done, outcome, getattr(done, outcome) + 1)
        done.failures.append(
            {"id": row["id"], "recipient": row["recipient"], "outcome": outcome, "reason": problem.reason}
        )
        # A refusal is an answer; a connection that is gone after a message that was none is not.
        is_broken = problem.outcome != "BOUNCED" and not self._server.is_connected
        self._broken = self._broken + 1 if is_broken else 0
        fields = {"mail_id": row["id"], "outcome": outcome}
        logger("mail").warning("mail %s: %s", row["id"], problem.reason, extra=fields)

    def _release(self, token: Any) -> None:
        try:
            self._connection.execute(_RELEASE, [token])
        except psycopg.Error:
            pass  # without a connection the lease simply runs out; the failure that led here is the news


def composed(connection: Connection) -> int:
    """Puts what is queued into messages; how many."""
    total = 0
    while made := connection.execute(_COMPOSE).fetchone():
        total += made["composed"]
        if not made["composed"]:
            break
    return total


def letter_for(row: Row) -> Letter:
    """The letter for a claimed message; one that cannot be made is refused like one that no server takes."""
    try:
        return compose(row, datetime.now(UTC))
    except NoSender as error:
        raise MailServerFailed(
            f"the setting mail_from cannot be used: {error}",
            "Correct it: update settings set value = 'leads@mail.example' where name = 'mail_from'",
        ) from error
    except Unmailable as error:
        raise NotAccepted("BOUNCED", str(error)) from error
    except Exception as error:
        # A defect of ours, or text that nobody thought of: the others are sent, and this one is looked at.
        logger("mail").exception("mail %s cannot be written", row["id"])
        raise NotAccepted("BOUNCED", f"it cannot be written: {one_line(str(error))[:200]}") from error


def mail_server(url: str | None) -> MailServer:
    """The server that the URL names."""
    if not url:
        raise UsageProblem("no mail server is named", f"Set {VARIABLE} or --smtp, such as {EXAMPLE}")
    return MailServer(parse_address(url))


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
_RESEND = "select public.resend_mail_messages(%s::bigint[]) as number"
_BY_EVENT = "select public.replace_mail_by_events(%s::bigint[]) as number"


def show_waiting(app: App) -> None:
    with app.database.session("leadguard mail") as connection:
        rows = connection.execute(_WAITING).fetchall()
    if app.json:
        click.echo(as_json({"messages": rows}))
        return
    if not rows:
        click.echo("No mail waits.")
        return
    from rich.table import Table
    from rich.text import Text

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
        while batch := connection.execute(_CLAIM, [1000]).fetchall():
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


@click.command("mail")
@click.option(
    "--smtp",
    "smtp_url",
    envvar=VARIABLE,
    metavar="URL",
    help=f"The mail server, such as {EXAMPLE} (also {VARIABLE}).",
)
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
    "failures": [{"id", "recipient", "outcome", "reason"}]}

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
