"""What no database can tell of itself: whether exporter, Prometheus and Grafana, which watch it, are at work.

Expected is what docker/prometheus and docker/grafana hold. An installed leadguard does not carry these files,
so what they define is listed here; tests/test_monitors.py compares.
"""

import math
import threading
import time
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from concurrent.futures import TimeoutError as TooLate
from http import HTTPStatus
from urllib.parse import urlencode

from jobs import web
from jobs.console import short_name
from jobs.paths import VIEWS
from jobs.web import Address, Unanswered

SCRAPE_JOBS = ("leadguard", "prometheus", "alertmanager")
# How many rules each group has.
RULE_GROUPS = {
    "leadguard-alerts-protection": 5,
    "leadguard-alerts-samples": 3,
    "leadguard-alerts-catering": 2,
    "leadguard-alerts-cost": 2,
    "leadguard-alerts-events": 5,
    "leadguard-alerts-mail": 2,
    "leadguard-alerts-platform": 12,
    "leadguard-alerts-watching": 3,
    "leadguard-season": 3,
    "leadguard-samples": 3,
    "leadguard-catering": 2,
    "leadguard-reminders": 2,
    "leadguard-expiry": 2,
    "leadguard-jobs": 1,
}
DASHBOARDS = (
    "leadguard-lead-protection",
    "leadguard-operations-excellence",
    "leadguard-seasonal-ops",
    "leadguard-war-room",
)
DATA_SOURCES = ("leadguard-postgres", "leadguard-prometheus")

GRAFANA_TOKEN = "LEADGUARD_GRAFANA_TOKEN"  # noqa: S105  # the name of the variable

# For all questions together, however slowly somebody answers.
_PATIENCE_SECONDS = 10
# Of what is wrong so much is told.
_MOST_TOLD = 5

Row = tuple[str, str, str, str | None]


class Wrong(Exception):
    """A finding: what is not as it should be, and what to do."""

    def __init__(self, faults: Iterable[str], what_to_do: str) -> None:
        found = [short_name(fault) for fault in faults]
        more = [f"and {len(found) - _MOST_TOLD} more"] if len(found) > _MOST_TOLD else []
        self.evidence = "; ".join(found[:_MOST_TOLD] + more)
        self.what_to_do = what_to_do


def look(exporter: Address | None, prometheus: Address | None, grafana: Address | None) -> list[Row]:
    """What, status, evidence and what to do, a row a question. All are asked at once."""
    until = time.monotonic() + _PATIENCE_SECONDS
    asked = [
        _Question("exporter", "--exporter", exporter, _exporter),
        _Question("Prometheus targets", "--prometheus", prometheus, _targets),
        _Question("rule health", "--prometheus", prometheus, _rules),
        _Question("Grafana dashboards", "--grafana", grafana, _dashboards),
    ]
    return [question.row(until) for question in asked]


class _Question:
    """Asked in a thread of its own, which nobody waits for when time is up."""

    def __init__(
        self, what: str, option: str, address: Address | None, answer: Callable[[Address], str]
    ) -> None:
        self._what = what
        self._option = option
        self._evidence: Future[str] | None = None
        if address is not None:
            self._evidence = Future()
            threading.Thread(target=self._ask, args=(address, answer), name=what, daemon=True).start()

    def _ask(self, address: Address, answer: Callable[[Address], str]) -> None:
        assert self._evidence is not None
        try:
            self._evidence.set_result(answer(address))
        except BaseException as error:
            self._evidence.set_exception(error)

    def row(self, until: float) -> Row:
        if self._evidence is None:
            return (self._what, "WARN", "not asked", f"Say where it answers: {self._option} URL.")
        try:
            evidence = self._evidence.result(timeout=max(0.0, until - time.monotonic()))
        except Wrong as wrong:
            return (self._what, "FAIL", wrong.evidence, wrong.what_to_do)
        except Unanswered as error:
            told = str(error)
        except TooLate:
            told = f"no whole answer within {_PATIENCE_SECONDS} s"
        else:
            return (self._what, "OK", evidence, None)
        return (self._what, "FAIL", told, f"Is it up, and is its address what {self._option} says?")


def _exporter(address: Address) -> str:
    # Only here: it is imported when it is asked for.
    from prometheus_client.parser import text_string_to_metric_families

    reply = web.get(address, "/metrics")
    try:
        families = list(text_string_to_metric_families(reply.content().decode()))
    except (ValueError, LookupError):  # what the parser has for text that is no metrics
        raise Unanswered(f"{reply.where} answers with no figures") from None
    samples = [sample for family in families for sample in family.samples]

    def value(name: str, **labels: str) -> float | None:
        found = (each.value for each in samples if each.name == name and each.labels == labels)
        return next(found, None)

    up = value("leadguard_up")
    if up is None:
        raise Unanswered(f"{reply.where} is not answered by leadguard exporter")
    if up != 1:
        raise Wrong(
            ["leadguard_up is 0: it cannot read the database"],
            "Its log says why. Is the database up for it, with the rights of lead_exporter?",
        )
    broken = [each.labels.get("view", "") for each in samples if each.name == "leadguard_metric_view_broken"]
    # A counter's family has lost its _total.
    served = {family.name for family in families}
    served |= {f"{family.name}_total" for family in families if family.type == "counter"}
    views = [path.stem for path in sorted(VIEWS.glob("metric_*.sql"))]
    missing = [view for view in views if view.removeprefix("metric_") not in served and view not in broken]
    if broken or missing:
        raise Wrong(
            [*(f"{view} cannot be read" for view in broken), *(f"{view} is not served" for view in missing)],
            "Run leadguard migrate; is it a member of lead_exporter, and asked of the same database?",
        )
    age, most = value("leadguard_snapshot_age_seconds"), value("leadguard_kpi_threshold", kpi="snapshot_age")
    if age is None or most is None:
        raise Wrong(
            ["nothing says how old the figures are, or may be"],
            "Look at metric_leadguard_snapshot_age_seconds and at snapshot_age in v_kpi_thresholds.",
        )
    if not age <= most:
        counted = "never counted" if math.isinf(age) else f"counted {age:.0f} s ago"
        raise Wrong(
            [f"the figures were {counted}; {most:.0f} s are tolerated"],
            "Run leadguard refresh every minute, or leadguard run.",
        )
    return f"{len(views)} figures, counted {age:.0f} s ago"


def _targets(address: Address) -> str:
    found = web.rows(web.get(address, "/api/v1/targets?state=active").json(), "data", "activeTargets")
    ours = [each for each in found if web.text(each, "labels", "job") in SCRAPE_JOBS]
    scraped = {web.text(each, "labels", "job") for each in ours}
    faults = [f"no target of the job {job}" for job in SCRAPE_JOBS if job not in scraped]
    for each in ours:
        if web.text(each, "health") != "up":
            name = f"{web.text(each, 'labels', 'job')} at {web.text(each, 'labels', 'instance')}"
            faults.append(
                f"{name} is {web.text(each, 'health')}: {web.text(each, 'lastError') or 'no reason told'}"
            )
    if faults:
        raise Wrong(
            faults,
            "Let it scrape what docker/prometheus/prometheus.yml names, and start what is down;"
            " what is unknown has not been scraped yet.",
        )
    return f"{len(ours)} up: {', '.join(SCRAPE_JOBS)}"


def _rules(address: Address) -> str:
    loaded: dict[str, list[str]] = {}
    faults = []
    for group in web.rows(web.get(address, "/api/v1/rules").json(), "data", "groups"):
        name = web.text(group, "name")
        if name not in RULE_GROUPS:
            continue
        for rule in web.rows(group, "rules"):
            loaded.setdefault(name, []).append(web.text(rule, "name"))
            if web.text(rule, "health") != "ok":
                why = web.text(rule, "lastError") or "no reason told"
                faults.append(f"{web.text(rule, 'name')} is {web.text(rule, 'health')}: {why}")
    for name, rules in RULE_GROUPS.items():
        if name not in loaded:
            faults.append(f"the group {name} is not loaded")
        elif len(loaded[name]) < rules:
            faults.append(f"the group {name} has {len(loaded[name])} rules of {rules}")
    if faults:
        raise Wrong(
            faults,
            "Load this release's docker/prometheus/rules and reload Prometheus;"
            " what is unknown has not been evaluated yet.",
        )
    return f"{sum(map(len, loaded.values()))} rules in {len(loaded)} groups, all evaluated"


def _dashboards(address: Address) -> str:
    asked = [("type", "dash-db"), ("limit", "5000"), *(("dashboardUIDs", uid) for uid in DASHBOARDS)]
    reply = web.get(address, f"/api/search?{urlencode(asked)}")
    if reply.status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
        raise Wrong(
            [f"{reply.where} answers {reply.status_text}"],
            f"Put a service account's token (as a Viewer), or user:password, into {GRAFANA_TOKEN}.",
        )
    found = {web.text(each, "uid") for each in web.rows(reply.json())}
    faults = [f"no dashboard {uid}" for uid in DASHBOARDS if uid not in found]
    for uid in DATA_SOURCES:
        # Grafana asks the source: 400 has the source's own words, and where there is none it is 404 or 500.
        reply = web.get(address, f"/api/datasources/uid/{uid}/health")
        if reply.status not in (HTTPStatus.OK, HTTPStatus.BAD_REQUEST):
            faults.append(f"the data source {uid} answers {reply.status_text}")
            continue
        health = reply.json(HTTPStatus.BAD_REQUEST)
        if web.text(health, "status") != "OK":
            faults.append(f"the data source {uid}: {web.text(health, 'message') or 'no reason told'}")
    if faults:
        raise Wrong(
            faults,
            "Provision docker/grafana, or POST its api/*.json; data sources of these uids must answer.",
        )
    return f"{len(DASHBOARDS)} dashboards, and both data sources answer"
