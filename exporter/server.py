"""What the exporter answers: GET /metrics, as Prometheus text or OpenMetrics, and GET /health."""

import json
import platform
import socket
import sys
from collections.abc import Iterator
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from prometheus_client.core import GaugeMetricFamily, InfoMetricFamily
from prometheus_client.exposition import choose_encoder
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from exporter.flights import Flights
from exporter.scrape import Figures
from jobs import __version__
from jobs.errors import UsageProblem
from jobs.logs import logger

_JSON = "application/json"


class Answer(Collector):
    """A scrape as the library writes it: what the views say, and how the exporter is doing."""

    def __init__(self, figures: Figures) -> None:
        self._figures = figures

    def collect(self) -> Iterator[Metric]:
        yield GaugeMetricFamily(
            "leadguard_up",
            "Whether the figures could be read: 0 when the database is away, locked or slow.",
            value=float(self._figures.is_up),
        )
        yield InfoMetricFamily(
            "leadguard_build",
            "The program that answers.",
            value={"version": __version__, "python": platform.python_version()},
        )
        broken = GaugeMetricFamily(
            "leadguard_metric_view_broken",
            "Views that could not be read; the log says why.",
            labels=("view",),
        )
        for view in self._figures.broken:
            broken.add_metric((view,), 1.0)
        yield broken
        yield from self._figures.families


class Server(ThreadingHTTPServer):
    """Answers in threads of its own, so that a slow client holds nobody up."""

    daemon_threads = True
    request_queue_size = 64

    def __init__(self, address: tuple[str, int], flights: Flights) -> None:
        self.flights = flights
        self.address_family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
        try:
            super().__init__(address, _Handler)
        except OSError as error:
            raise UsageProblem(
                f"cannot listen on {address[0]}:{address[1]}: {error.strerror or error}",
                "Choose another address or port with --listen.",
            ) from error

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Says nothing of a client that went away; a defect goes the way of every log line."""
        if not isinstance(sys.exception(), OSError):
            logger("exporter").exception("a request could not be answered")


class _Handler(BaseHTTPRequestHandler):
    server: Server
    server_version = f"leadguard/{__version__}"
    sys_version = ""
    timeout = 5  # for a client that connects and says nothing

    def do_GET(self) -> None:
        path = self.path.partition("?")[0]
        if path == "/metrics":
            figures = self.server.flights.figures()
            encode, content_type = choose_encoder(self.headers.get("Accept") or "")
            self._answer(HTTPStatus.OK, content_type, encode(Answer(figures)))
        elif path == "/health":
            # Whether this process turns: a database that is away is no reason to start it anew.
            well = self.server.flights.is_well()
            database = "unknown" if well is None else "reachable" if well else "unreachable"
            self._say(HTTPStatus.OK, {"status": "ok", "version": __version__, "database": database})
        else:
            self._say(HTTPStatus.NOT_FOUND, {"error": "not found", "paths": ["/metrics", "/health"]})

    def do_HEAD(self) -> None:
        self.do_GET()

    def _say(self, status: HTTPStatus, body: dict[str, Any]) -> None:
        self._answer(status, _JSON, json.dumps(body).encode() + b"\n")

    def _answer(self, status: HTTPStatus, content_type: str, content: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(content)))
        self.send_header("Cache-Control", "no-store")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  # the library's name
        """Says nothing: a scrape every few seconds is no news."""
