"""Prometheus and Alertmanager as docker/ sets them up, on free ports, with time running sixty times as fast.

The files are those that are deployed. What is changed in the copies: addresses, and every duration (how long
an alert waits, over how long a rate is taken, how often is told), so that hours pass in a minute. Thresholds
stay.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
import urllib.parse
import urllib.request
from pathlib import Path
from typing import Any

import yaml

from tests.brokers import HOST, Receiver, Server
from tests.daemon import environment, eventually
from tests.tools import alertmanager, prometheus

ROOT = Path(__file__).resolve().parent.parent
DOCKER = ROOT / "docker"
FASTER = 60
INTERVAL = "500ms"

_UNITS = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
_DURATION = r"(\d+)(ms|[smhdw])"


def faster(duration: str) -> str:
    """A duration, sixty times shorter."""
    seconds = sum(int(number) * _UNITS[unit] for number, unit in re.findall(_DURATION, duration))
    return f"{max(1, round(seconds * 1000 / FASTER))}ms"


def faster_rules(text: str) -> str:
    """Alert and recording rules: what they wait for, the ranges in their expressions, and offsets."""
    groups = yaml.safe_load(text)
    for group in groups["groups"]:
        for rule in group["rules"]:
            if "for" in rule:
                rule["for"] = faster(rule["for"])
            rule["expr"] = re.sub(
                r"(\[|offset )((?:\d+[smhdw])+)", lambda m: m[1] + faster(m[2]), rule["expr"]
            )
    return yaml.safe_dump(groups)


def faster_routes(text: str) -> str:
    """Alertmanager's configuration: how long it waits and how often it tells; at any hour of the day."""
    text = re.sub(
        r"(?m)^(\s*(?:group_wait|group_interval|repeat_interval): )(\S+)$",
        lambda m: m[1] + faster(m[2]),
        text,
    )
    return re.sub(r"(?m)^\s*active_time_intervals: .*\n", "", text)


class Exporter(Server):
    """`leadguard exporter` on a database, with the rights of its role alone."""

    def __init__(self, url: str) -> None:
        super().__init__("exporter")
        self._url = url

    def command(self) -> list[str]:
        listen = f"{HOST}:{self.port}"
        return [sys.executable, "-m", "jobs.cli", "exporter", "--listen", listen, "--keep", "0.1"]

    def variables(self) -> dict[str, str]:
        return environment(self._url, PGOPTIONS="-c role=lead_exporter")


class Alertmanager(Server):
    """By docker/alertmanager/start: the addresses come from secrets, as in the container."""

    def __init__(self, receiver: Receiver) -> None:
        super().__init__("alertmanager")
        secrets = self.directory / "secrets"
        secrets.mkdir()
        base = receiver.url.rpartition("/")[0]
        (secrets / "alert_watchdog_url").write_text(f"{base}/watchdog")
        (secrets / "alert_webhook_url").write_text(f"{base}/alerts")
        routes = (DOCKER / "alertmanager" / "alertmanager.yml").read_text("utf-8")
        (self.directory / "routes.yml").write_text(faster_routes(routes))

    def command(self) -> list[str]:
        return [
            str(DOCKER / "alertmanager" / "start"),
            f"--storage.path={self.directory / 'data'}",
            "--cluster.listen-address=",
            f"--web.listen-address={HOST}:{self.port}",
        ]

    def variables(self) -> dict[str, str]:
        program = alertmanager()
        assert program
        return {
            "ALERTMANAGER_CONFIG": str(self.directory / "routes.yml"),
            "ALERTMANAGER_SECRETS": str(self.directory / "secrets"),
            "ALERTMANAGER_TARGET": str(self.directory / "alertmanager.yml"),
            "ALERTMANAGER_PROGRAM": program,
        }

    def alerts(self) -> list[dict[str, Any]]:
        """What it holds, silenced alerts among it."""
        with urllib.request.urlopen(f"http://{HOST}:{self.port}/api/v2/alerts", timeout=10) as answer:
            found: list[dict[str, Any]] = json.load(answer)
        return found


class Prometheus(Server):
    """By docker/prometheus/start, with the configuration and the rules that lie there, made faster."""

    def __init__(self, exporter: int, receiver: int, runbooks: str = "") -> None:
        super().__init__("prometheus")
        self._runbooks = runbooks
        source = DOCKER / "prometheus"
        config = yaml.safe_load((source / "prometheus.yml").read_text("utf-8"))
        config["global"].update(
            scrape_interval=INTERVAL, scrape_timeout=INTERVAL, evaluation_interval=INTERVAL
        )
        places = {
            "exporter:9187": exporter,
            "alertmanager:9093": receiver,
            "localhost:9090": self.port,
        }
        for section in (config["scrape_configs"], config["alerting"]["alertmanagers"]):
            for each in section:
                for static in each["static_configs"]:
                    static["targets"] = [f"{HOST}:{places[target]}" for target in static["targets"]]
        (self.directory / "prometheus.yml").write_text(yaml.safe_dump(config))
        (self.directory / "rules").mkdir()
        for path in (source / "rules").glob("*.yml"):
            (self.directory / "rules" / path.name).write_text(faster_rules(path.read_text("utf-8")))

    def command(self) -> list[str]:
        return [
            str(DOCKER / "prometheus" / "start"),
            f"--storage.tsdb.path={self.directory / 'data'}",
            f"--web.listen-address={HOST}:{self.port}",
            # What is sent before it has found Alertmanager is sent again after this, else a minute.
            "--rules.alert.resend-delay=1s",
        ]

    def variables(self) -> dict[str, str]:
        program = prometheus()
        assert program
        return {
            "LEADGUARD_RUNBOOKS_URL": self._runbooks,
            "PROMETHEUS_SOURCE": str(self.directory),
            "PROMETHEUS_TARGET": str(self.directory / "filled"),
            "PROMETHEUS_PROGRAM": program,
        }

    def _is_up(self) -> bool:
        """It takes connections before it answers questions."""
        if not super()._is_up():
            return False
        try:
            urllib.request.urlopen(f"http://{HOST}:{self.port}/-/ready", timeout=10).close()
        except OSError:
            return False
        return True

    def get(self, path: str, **parameters: str) -> Any:
        """GET of its API: what stands under `data`."""
        url = f"http://{HOST}:{self.port}{path}?{urllib.parse.urlencode(parameters)}"
        with urllib.request.urlopen(url, timeout=10) as answer:
            body = json.load(answer)
        assert body["status"] == "success", body
        return body["data"]

    def curl(self, path: str) -> Any:
        """As the go-live plan has it: `curl -s localhost:9090/api/v1/targets`."""
        command = ["curl", "-s", f"localhost:{self.port}{path}"]
        done = subprocess.run(command, capture_output=True, text=True, check=True, env=dict(os.environ))
        return json.loads(done.stdout)

    def value(self, expression: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.get("/api/v1/query", query=expression)["result"]
        return found

    def scraped(self) -> None:
        """Waits until it has read what is so now."""
        asked = time.time()
        eventually(
            lambda: (
                (found := self.value("timestamp(leadguard_up)")) and float(found[0]["value"][1]) > asked + 0.2
            ),
            "Prometheus scrapes",
        )

    def alerts(self, *states: str) -> set[str]:
        """The alerts that are firing, or pending."""
        found = self.get("/api/v1/alerts")["alerts"]
        return {alert["labels"]["alertname"] for alert in found if alert["state"] in states}
