"""The health endpoint of `leadguard run`: GET /healthz and GET /readyz, JSON, 200 or 503."""

import threading
from collections.abc import Callable
from http import HTTPStatus
from typing import Any

from jobs.serving import Handler, Server

# Whether all is well, and the body that says why.
Report = Callable[[], tuple[bool, dict[str, Any]]]


class HealthServer:
    """Serves in a thread of its own; a context manager."""

    def __init__(self, address: tuple[str, int], reports: dict[str, Report]) -> None:
        class Reporting(_Handler):
            paths = reports

        self._server = Server(address, Reporting, "health", "--health")
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


class _Handler(Handler):
    """Only looks at what the workers have noted: a request costs no connection to the database."""

    paths: dict[str, Report]

    def get(self) -> None:
        report = self.paths.get(self.asked)
        if report is None:
            self.say_not_found(list(self.paths))
            return
        well, body = report()
        self.say(HTTPStatus.OK if well else HTTPStatus.SERVICE_UNAVAILABLE, body)
