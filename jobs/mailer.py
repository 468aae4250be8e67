"""Reminder mail on its way: what is queued becomes messages, and each is handed to the mail server once."""

from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Any

import psycopg

from jobs.database import Connection
from jobs.errors import UsageProblem, one_line
from jobs.letters import Letter, NoSender, Unmailable, compose
from jobs.logs import logger
from jobs.smtp import EXAMPLE, VARIABLE, MailServer, MailServerFailed, NotAccepted, parse_address

_COMPOSE = "select public.compose_mail_messages() as composed"
_CLAIM = "select * from public.claim_mail_messages(%s)"
_START = "select public.start_mail_message(%s, %s) as is_ours"
_SENT = "select public.record_mail_sent(%s)"
_FAILURE = "select public.record_mail_failure(%s, %s, %s, %s)"
_RELEASE = "select public.release_mail_messages(%s)"
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
                batch = claimed(self._connection, self._limit)
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


def claimed(connection: Connection, limit: int) -> list[Row]:
    """Takes up to so many messages that are to be sent; they are nobody else's until the lease runs out."""
    return connection.execute(_CLAIM, [limit]).fetchall()


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
