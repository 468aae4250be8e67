"""What the exporter answers: GET /metrics, as Prometheus text or OpenMetrics, and GET /health."""

import platform
from collections.abc import Iterator
from http import HTTPStatus

from prometheus_client.core import GaugeMetricFamily, InfoMetricFamily
from prometheus_client.exposition import choose_encoder
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from exporter.flights import Flights
from exporter.scrape import Figures
from jobs import __version__, serving


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


class Server(serving.Server):
    """Every request shares the flights."""

    def __init__(self, address: tuple[str, int], flights: Flights) -> None:
        self.flights = flights
        super().__init__(address, _Handler, "exporter", "--listen")


class _Handler(serving.Handler):
    server: Server

    def get(self) -> None:
        if self.asked == "/metrics":
            figures = self.server.flights.figures()
            encode, content_type = choose_encoder(self.headers.get("Accept") or "")
            self.answer(HTTPStatus.OK, content_type, encode(Answer(figures)))
        elif self.asked == "/health":
            # Whether this process turns: a database that is away is no reason to start it anew.
            well = self.server.flights.is_well()
            database = "unknown" if well is None else "reachable" if well else "unreachable"
            self.say(HTTPStatus.OK, {"status": "ok", "version": __version__, "database": database})
        else:
            self.say_not_found(["/metrics", "/health"])
