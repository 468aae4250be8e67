"""A real SMTP server for tests, on a free port of this machine, that can be told how to misbehave."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any, Self

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from tests.brokers import HOST, free_port

CUT = "cut"  # the connection is closed instead of an answer
HALF = "half"  # it is closed within the answer
BLANK = "blank"  # it is closed after a line that is none
HANG = "hang"  # there is no answer


@dataclass
class Delivered:
    """A message that the server has accepted."""

    sender: str
    recipient: str
    message: EmailMessage

    @property
    def message_id(self) -> str:
        return str(self.message["Message-ID"])

    def part(self, kind: str) -> str:
        body = self.message.get_body((kind,))
        assert body is not None
        content = body.get_content()
        assert isinstance(content, str)
        return content


class MailServer:
    """Keeps what it accepts; answers as `at_mail`, `at_recipient` and `at_data` say, else 250."""

    def __init__(self, **options: Any) -> None:
        self.port = free_port()
        self.delivered: list[Delivered] = []
        self.connections = 0
        self.at_mail: str | None = None
        self.at_recipient: dict[str, str] = {}
        self.at_data: dict[str, str] = {}
        self.on_data: Callable[[Delivered], None] = lambda message: None
        self._options = {"enable_SMTPUTF8": False, **options}
        self._controller: Controller | None = None

    @property
    def url(self) -> str:
        return f"smtp://{HOST}:{self.port}?timeout=3"

    def start(self) -> None:
        """Listens, on the same port each time."""
        self._controller = Controller(self, HOST, self.port, ready_timeout=30, **self._options)
        self._controller.start()

    def stop(self) -> None:
        """Nobody listens any more."""
        if self._controller is not None:
            self._controller.stop()
            self._controller = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    # What aiosmtpd calls

    async def handle_EHLO(  # noqa: N802
        self, server: SMTP, session: Session, _envelope: Envelope, hostname: str, responses: list[str]
    ) -> list[str]:
        self.connections += 1
        session.host_name = hostname
        return responses

    async def handle_MAIL(  # noqa: N802
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if self.at_mail:
            return self.at_mail
        envelope.mail_from = address
        envelope.mail_options.extend(options)
        return "250 OK"

    async def handle_RCPT(  # noqa: N802
        self, server: SMTP, _session: Session, envelope: Envelope, address: str, _options: list[str]
    ) -> str:
        if address in self.at_recipient:
            return _answered(server, self.at_recipient[address])
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802
        (recipient,) = envelope.rcpt_tos
        answer = self.at_data.get(recipient, "250 OK")
        assert isinstance(envelope.content, bytes)
        message = message_from_bytes(envelope.content, policy=policy.SMTP)
        assert isinstance(message, EmailMessage)
        if answer == HANG:
            await asyncio.sleep(10)
        if answer.startswith("250"):
            delivered = Delivered(envelope.mail_from or "", recipient, message)
            self.delivered.append(delivered)
            await asyncio.get_running_loop().run_in_executor(None, self.on_data, delivered)
        return _answered(server, answer)


def _answered(server: SMTP, answer: str) -> str:
    """The answer, where there is to be one; else the connection is closed."""
    assert isinstance(server.transport, asyncio.Transport)
    if answer in (HALF, BLANK):
        server.transport.write(b"25" if answer == HALF else b"\r\n")
        server.transport.close()
    elif answer in (CUT, HANG):
        server.transport.abort()
    return answer


def with_login(user: str, password: str, certificate: ssl.SSLContext) -> MailServer:
    """A server that takes mail under TLS and from this user only."""

    def authenticate(_server: Any, _session: Any, _envelope: Any, _mechanism: str, data: Any) -> AuthResult:
        is_right = isinstance(data, LoginPassword) and data == LoginPassword(user.encode(), password.encode())
        return AuthResult(success=is_right, handled=False)

    return MailServer(
        tls_context=certificate,
        require_starttls=True,
        authenticator=authenticate,
        auth_required=True,
    )
