"""A house that is watched: what exporter, Prometheus and Grafana say in it, from one small server.

The shapes are those of the documented HTTP APIs. Real exporters and a real Prometheus are in monitoring.py;
Grafana's server is in no package registry, so here is all that the tests have of it.
"""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import urlsplit

from jobs import monitors, web
from jobs.monitors import DASHBOARDS, DATA_SOURCES, RULE_GROUPS, SCRAPE_JOBS
from jobs.paths import VIEWS
from tests.brokers import HOST, Answer, Received, Receiver


def address(url: str) -> web.Address:
    return web.WebAddress().convert(url, None, None)


class House:
    """All is well in it, until a test changes what is answered."""

    def __init__(self, receiver: Receiver) -> None:
        self.receiver = receiver
        self.url = f"http://{HOST}:{receiver.port}"
        metrics = [f"# TYPE {path.stem.removeprefix('metric_')} gauge" for path in VIEWS.glob("metric_*.sql")]
        self.metrics = [
            *metrics,
            "# TYPE leadguard_up gauge",
            "leadguard_up 1.0",
            "leadguard_snapshot_age_seconds 12.0",
            'leadguard_kpi_threshold{kpi="snapshot_age"} 180.0',
        ]
        self.targets: list[Any] = [
            {"labels": {"job": job, "instance": f"{job}:9090"}, "health": "up", "lastError": ""}
            for job in SCRAPE_JOBS
        ]
        self.groups: list[Any] = [
            {"name": name, "rules": [{"name": f"{name}-{n}", "health": "ok"} for n in range(count)]}
            for name, count in RULE_GROUPS.items()
        ]
        self.dashboards: list[Any] = [{"uid": uid, "type": "dash-db"} for uid in DASHBOARDS]
        self.sources: dict[str, Answer] = {
            uid: said({"status": "OK", "message": "Database Connection OK"}) for uid in DATA_SOURCES
        }
        self.instead: Answer | None = None
        receiver.answer = self._answer

    def _answer(self, request: Received) -> Answer:
        if self.instead is not None:
            return self.instead
        path = urlsplit(request.path).path
        if path == "/metrics":
            return Answer(200, body="\n".join([*self.metrics, ""]).encode())
        if path == "/api/v1/targets":
            return said({"status": "success", "data": {"activeTargets": self.targets}})
        if path == "/api/v1/rules":
            return said({"status": "success", "data": {"groups": self.groups}})
        if path == "/api/search":
            return said(self.dashboards)
        # Where there is no such data source, Grafana 11 says this.
        uid = path.removeprefix("/api/datasources/uid/").removesuffix("/health")
        return self.sources.get(uid, said({"message": "Unable to load datasource metadata"}, 500))

    def rows(self) -> dict[str, monitors.Row]:
        at = address(self.url)
        return {row[0]: row for row in monitors.look(at, at, at)}


def said(value: Any, status: int = 200) -> Answer:
    return Answer(status, {"Content-Type": "application/json"}, json.dumps(value).encode())
