"""The health endpoint of `leadguard run`: GET /healthz and GET /readyz, JSON, 200 or 503."""

import json
import socket
import sys
import threading
from collections.abc import Callable
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import click

from jobs import __version__
from jobs.errors import UsageProblem
from jobs.logs import logger

# Whether all is well, and the body that says why.
Report = Callable[[], tuple[bool, dict[str, Any]]]


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


class HealthServer:
    """Answers in threads of its own, so that a slow client holds nobody up; a context manager."""

    def __init__(self, address: tuple[str, int], reports: dict[str, Report]) -> None:
        class Handler(_Handler):
            paths = reports

        class Server(ThreadingHTTPServer):
            # What is asked lives as long as the process at most.
            daemon_threads = True
            address_family = _family(address[0])

            def handle_error(self, request: Any, client_address: Any) -> None:
                """Says nothing of a client that went away; a defect goes the way of every log line."""
                if not isinstance(sys.exception(), OSError):
                    logger("health").exception("a request could not be answered")

        try:
            self._server = Server(address, Handler)
        except OSError as error:
            raise UsageProblem(
                f"cannot listen on {address[0]}:{address[1]}: {error.strerror or error}",
                "Choose another address or port with --health.",
            ) from error
        self._thread = threading.Thread(target=self._server.serve_forever, name="health", daemon=True)

    @property
    def port(self) -> int:
        """The port it listens on, also where any free one was asked for."""
        return self._server.server_port

    def __enter__(self) -> "HealthServer":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()


class _Handler(BaseHTTPRequestHandler):
    """Only looks at what the workers have noted: a request costs no connection to the database."""

    paths: dict[str, Report]
    server_version = f"leadguard/{__version__}"
    sys_version = ""
    timeout = 5  # for a client that connects and says nothing

    def do_GET(self) -> None:
        report = self.paths.get(self.path.partition("?")[0])
        if report is None:
            self._answer(HTTPStatus.NOT_FOUND, {"error": "not found", "paths": list(self.paths)})
            return
        well, body = report()
        self._answer(HTTPStatus.OK if well else HTTPStatus.SERVICE_UNAVAILABLE, body)

    def do_HEAD(self) -> None:
        self.do_GET()

    def _answer(self, status: HTTPStatus, body: dict[str, Any]) -> None:
        content = json.dumps(body, ensure_ascii=False).encode() + b"\n"
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.send_header("Cache-Control", "no-store")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  # the library's name
        """Says nothing: a probe every few seconds is no news."""


def _family(host: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in host else socket.AF_INET
