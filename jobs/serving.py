"""What the health endpoint and the exporter have in common: small answers to GET and HEAD, by HTTP."""

import json
import socket
import sys
from abc import ABC, abstractmethod
from collections.abc import Callable
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import click

from jobs import __version__
from jobs.console import Command
from jobs.errors import UsageProblem
from jobs.logs import logger


class Address(click.ParamType):  # type: ignore[type-arg]  # generic in newer releases only
    """ADDRESS:PORT; an IPv6 address stands in brackets, port 0 means any that is free."""

    name = "address"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, int]:
        host, colon, port = str(value).rpartition(":")
        host = host.removeprefix("[").removesuffix("]")
        if not colon or not host or not port.isdecimal() or int(port) > 65535:
            self.fail(f"{value!r} is not ADDRESS:PORT, such as 127.0.0.1:8080", param, ctx)
        return host, int(port)


def address_option(
    name: str, variable: str, what: str, default: str | None = None
) -> Callable[[Command], Command]:
    """Where to answer: an option, else a variable of the environment."""
    return click.option(
        f"--{name}",
        type=Address(),
        envvar=variable,
        default=default,
        show_default=default is not None,
        metavar="ADDRESS:PORT",
        help=what.format(variable=variable),
    )


class Server(ThreadingHTTPServer):
    """Answers in threads of its own, so that a slow client holds nobody up.

    `name` is the one in the log, `option` the one that chooses the address.
    """

    # What is asked lives as long as the process at most.
    daemon_threads = True
    request_queue_size = 64

    def __init__(self, address: tuple[str, int], handler: type["Handler"], name: str, option: str) -> None:
        self._name = name
        self.address_family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
        try:
            super().__init__(address, handler)
        except OSError as error:
            raise UsageProblem(
                f"cannot listen on {address[0]}:{address[1]}: {error.strerror or error}",
                f"Choose another address or port with {option}.",
            ) from error

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Says nothing of a client that went away; a defect goes the way of every log line."""
        if not isinstance(sys.exception(), OSError):
            logger(self._name).exception("a request could not be answered")


class Handler(ABC, BaseHTTPRequestHandler):
    """Answers GET, and HEAD as GET without the body."""

    server_version = f"leadguard/{__version__}"
    sys_version = ""
    timeout = 5  # for a client that connects and says nothing

    @property
    def asked(self) -> str:
        """The path, without what stands behind a question mark."""
        return self.path.partition("?")[0]

    @abstractmethod
    def get(self) -> None:
        """What is answered: each one's own."""

    def do_GET(self) -> None:
        self.get()

    def do_HEAD(self) -> None:
        self.get()

    def answer(self, status: HTTPStatus, content_type: str, content: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(content)))
        self.send_header("Cache-Control", "no-store")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def say(self, status: HTTPStatus, body: dict[str, Any]) -> None:
        """Answers in JSON."""
        content = json.dumps(body, ensure_ascii=False).encode() + b"\n"
        self.answer(status, "application/json", content)

    def say_not_found(self, paths: list[str]) -> None:
        self.say(HTTPStatus.NOT_FOUND, {"error": "not found", "paths": paths})

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  # the library's name
        """Says nothing: a probe or a scrape every few seconds is no news."""
