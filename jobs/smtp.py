"""The mail server: its URL, a connection that carries many messages, and what its answers mean."""

import os
import re
import smtplib
import socket
import ssl
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, NoReturn
from urllib.parse import parse_qsl, unquote, urlsplit

from jobs.errors import LeadguardError, UsageProblem, one_line
from jobs.exits import Exit

VARIABLE = "LEADGUARD_SMTP"
EXAMPLE = "smtp://user@mail.example:587?starttls=required"
_STARTTLS = ("required", "optional", "never")
_LOOPBACK = ("localhost", "127.0.0.1", "::1")
# Some servers end a connection that carries too many; a new one costs little.
_PER_CONNECTION = 100
# A leading dot would end the message: RFC 5321, 4.5.2.
_DOT = re.compile(rb"^\.", re.MULTILINE)
# What a server says of the sender's login, whatever the recipient is.
_LOGIN_CODES = (530, 534, 535, 538)


class MailServerFailed(LeadguardError):
    """The server cannot be used at all: no message is to blame, each is tried again by the next pass."""

    def __init__(self, message: str, hint: str | None = None) -> None:
        super().__init__(message, hint, Exit.SINK_FAILED)


class NotAccepted(Exception):
    """One message was not accepted, or nobody knows; `outcome` is as record_mail_failure takes it."""

    def __init__(self, outcome: Literal["PUT OFF", "BOUNCED", "UNKNOWN"], reason: str) -> None:
        super().__init__(reason)
        self.outcome = outcome
        self.reason = reason


@dataclass(frozen=True)
class Address:
    """Where the server is, and how to speak to it."""

    host: str
    port: int
    is_tls: bool = False
    starttls: str = "required"
    user: str | None = None
    password: str | None = field(default=None, repr=False)
    timeout: float = 30.0

    @property
    def name(self) -> str:
        """For people: without the password."""
        return f"{self.host}:{self.port}"


def parse_address(url: str) -> Address:
    """Reads smtp://user@host:587?starttls=required&timeout=30, or smtps://user@host."""
    try:
        parts = urlsplit(url)
        port = parts.port
        query = dict(parse_qsl(parts.query, strict_parsing=True)) if parts.query else {}
    except ValueError:
        parts, port, query = urlsplit(""), None, {}
    if parts.scheme not in ("smtp", "smtps") or not parts.hostname or parts.path.strip("/"):
        # Not quoted: there may be a password in it.
        raise UsageProblem(
            "the mail server's URL cannot be read", f"It looks like {EXAMPLE}, or smtps://user@mail.example"
        )
    is_tls = parts.scheme == "smtps"
    is_near = parts.hostname in _LOOPBACK
    starttls = query.pop("starttls", "optional" if is_near else "required")
    timeout = query.pop("timeout", "30")
    if query or starttls not in _STARTTLS or not re.fullmatch(r"[1-9]\d?", timeout) or int(timeout) > 60:
        raise UsageProblem(
            "the mail server's URL has an unknown parameter",
            f"There are starttls={'|'.join(_STARTTLS)} and timeout=1..60 (seconds), as in {EXAMPLE}",
        )
    user = unquote(parts.username) if parts.username else None
    password = unquote(parts.password) if parts.password else _password()
    if user and not is_tls and not is_near and starttls != "required":
        raise UsageProblem(
            "a password goes to another machine under TLS only", f"Say starttls=required: {EXAMPLE}"
        )
    if user and password is None:
        raise UsageProblem(
            f"no password for {user} at the mail server",
            f"Name a file that holds it in {VARIABLE}_PASSWORD_FILE, or set {VARIABLE}_PASSWORD.",
        )
    default_port = 465 if is_tls else 587 if user else 25
    return Address(parts.hostname, port or default_port, is_tls, starttls, user, password, float(timeout))


def _password() -> str | None:
    if path := os.environ.get(f"{VARIABLE}_PASSWORD_FILE"):
        try:
            return Path(path).read_text("utf-8").rstrip("\r\n")
        except (OSError, UnicodeDecodeError) as error:
            raise UsageProblem(f"{VARIABLE}_PASSWORD_FILE cannot be read: {error}") from None
    return os.environ.get(f"{VARIABLE}_PASSWORD")


class MailServer:
    """Opens a connection when there is something to send, and keeps it for what follows."""

    def __init__(self, address: Address) -> None:
        self._address = address
        self._smtp: smtplib.SMTP | None = None
        self._carried = 0

    def connect(self) -> None:
        """Makes sure that there is a connection that works."""
        if self._smtp is not None and self._carried < _PER_CONNECTION and self._is_alive(self._smtp):
            return
        self.close()
        address = self._address
        smtp: smtplib.SMTP | None = None
        try:
            if address.is_tls:
                context = ssl.create_default_context()
                smtp = smtplib.SMTP_SSL(address.host, address.port, timeout=address.timeout, context=context)
            else:
                smtp = smtplib.SMTP(address.host, address.port, timeout=address.timeout)
            self._greet(smtp)
        except (OSError, smtplib.SMTPException, UnicodeError) as error:
            if smtp is not None:
                smtp.close()
            raise MailServerFailed(
                f"the mail server {address.name} cannot be used: {_said(error)}",
                f"Nothing is lost: the next pass sends what waits. See {VARIABLE}; is the server up?",
            ) from error
        self._smtp, self._carried = smtp, 0

    def _greet(self, smtp: smtplib.SMTP) -> None:
        address = self._address
        smtp.ehlo_or_helo_if_needed()
        if not address.is_tls and address.starttls != "never":
            if smtp.has_extn("starttls"):
                smtp.starttls(context=ssl.create_default_context())
                smtp.ehlo()
            elif address.starttls == "required":
                raise smtplib.SMTPException("it offers no STARTTLS (starttls=never would do without)")
        if address.user:
            smtp.login(address.user, address.password or "")

    @staticmethod
    def _is_alive(smtp: smtplib.SMTP) -> bool:
        try:
            return smtp.rset()[0] == 250
        except (OSError, smtplib.SMTPException):
            return False

    @property
    def takes_utf8(self) -> bool:
        """Whether addresses may have other letters than ASCII ones."""
        return self._smtp is not None and self._smtp.has_extn("smtputf8")

    def send(self, sender: str, recipient: str, message: bytes, needs_utf8: bool) -> None:
        """Hands one message over; returns when the server has accepted it, else raises NotAccepted.

        MailServerFailed when the refusal is not of this message: a sender or login that is not accepted.
        """
        smtp = self._smtp
        assert smtp is not None
        self._carried += 1
        is_handed_over = False
        try:
            smtp.command_encoding = "utf-8" if needs_utf8 else "ascii"
            options = ["SMTPUTF8", "BODY=8BITMIME"] if needs_utf8 else []
            if (answer := smtp.mail(sender, options))[0] != 250:
                self._refused("the sender", answer, is_ours=True)
            if (answer := smtp.rcpt(recipient))[0] not in (250, 251, 252):
                self._refused("the recipient", answer)
            if (answer := smtp.docmd("DATA"))[0] != 354:
                self._refused("the message", answer)
            smtp.send(_DOT.sub(b"..", message) + b".\r\n")
            is_handed_over = True
            if (answer := smtp.getreply())[0] != 250:
                self._refused("the message", answer)
        except (OSError, smtplib.SMTPException) as error:
            self.close()
            if is_handed_over:
                raise NotAccepted("UNKNOWN", f"no answer to the message: {_said(error)}") from error
            raise NotAccepted("PUT OFF", f"the connection broke: {_said(error)}") from error

    def _refused(self, what: str, answer: tuple[int, bytes], is_ours: bool = False) -> None:
        code, text = answer
        if not 200 <= code <= 599:
            self._ended_within_an_answer(what, code)
        reason = f"{what} was refused: {code} {one_line(text.decode('utf-8', 'replace'))}"
        if code == 421:
            self.close()  # it says goodbye
        if code >= 500 and (is_ours or code in _LOGIN_CODES):
            self.close()
            raise MailServerFailed(
                f"the mail server {self._address.name} refuses us: {reason}",
                f"See the setting mail_from and the user in {VARIABLE}; nothing is lost.",
            )
        raise NotAccepted("BOUNCED" if code >= 500 else "PUT OFF", reason)

    def _ended_within_an_answer(self, what: str, code: int) -> NoReturn:
        """What has no code refuses nothing: mostly the connection is closed, as the next read tells."""
        assert self._smtp is not None
        assert self._smtp.sock is not None
        self._smtp.sock.settimeout(2)
        self._smtp.getreply()
        raise smtplib.SMTPException(f"to {what} the server said what is no answer ({code})")

    @property
    def is_connected(self) -> bool:
        return self._smtp is not None

    def close(self) -> None:
        """Says goodbye, if there is anybody to say it to."""
        smtp, self._smtp = self._smtp, None
        if smtp is None:
            return
        try:
            if smtp.sock is not None:
                smtp.sock.settimeout(2)  # whoever hangs is not waited for
                smtp.quit()
        except (OSError, smtplib.SMTPException):
            pass  # it is gone already
        finally:
            smtp.close()


def _said(error: Exception) -> str:
    if isinstance(error, smtplib.SMTPResponseException):
        text = error.smtp_error
        text = text if isinstance(text, str) else text.decode("utf-8", "replace")
        return f"{error.smtp_code} {one_line(text)}"
    if isinstance(error, socket.gaierror):
        return "no machine has that name"
    return one_line(str(error)) or type(error).__name__
