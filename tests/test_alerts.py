"""Alert rules, their unit tests and Alertmanager's routes: checked by the programs that will read them."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import psycopg
import pytest
import yaml

from tests.tools import alertmanager, prometheus

ROOT = Path(__file__).resolve().parent.parent
RULES = ROOT / "docker" / "prometheus" / "rules"
UNIT_TESTS = sorted((ROOT / "tests" / "prometheus").glob("*_test.yml"))
ROUTES = ROOT / "docker" / "alertmanager" / "alertmanager.yml"
START = ROOT / "docker" / "alertmanager" / "start"
VIEWS = ROOT / "db" / "views"

# What Prometheus and Alertmanager say of themselves, what the exporter says without asking the database,
# and what Prometheus adds to each target.
FOREIGN = re.compile(r"(prometheus|alertmanager)_\w+|leadguard_(up|build_info|metric_view_broken)|up")
SEVERITIES = {"critical", "warning", "info"}
BUSINESS = {"protection", "samples", "catering", "cost", "events", "capacity", "platform", "monitoring"}

Rule = dict[str, Any]
Connect = Callable[..., psycopg.Connection[Any]]


def load(path: Path) -> Any:
    return yaml.safe_load(path.read_text("utf-8"))


def rules(kind: str) -> list[Rule]:
    groups = (group for path in sorted(RULES.glob("*.yml")) for group in load(path)["groups"])
    return [rule for group in groups for rule in group["rules"] if kind in rule]


ALERTS = {rule["alert"]: rule for rule in rules("alert")}
RECORDED = {rule["record"]: rule["expr"] for rule in rules("record")}


@cache
def unit_tests() -> list[dict[str, Any]]:
    return [each for path in UNIT_TESTS for each in load(path)["tests"]]


def beside(program: str | None, name: str) -> str:
    assert program, f"{name} is missing"
    return str(Path(program).with_name(name))


def told(*command: str, cwd: Path = ROOT, **environment: str) -> str:
    """What a program says; it must not fail."""
    variables = {**os.environ, **environment}
    done = subprocess.run(command, cwd=cwd, env=variables, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def bare(expression: str) -> str:
    """An expression without strings, labels, ranges, offsets, and the labels that it is grouped by."""
    text = re.sub(r"\{[^}]*\}|\[[^]]*\]", "", re.sub(r"'[^']*'|\"[^\"]*\"", "", expression))
    text = re.sub(r"\boffset \w+", "", text)
    return re.sub(r"\b(by|without|on|ignoring|group_left|group_right)\s*\([^)]*\)", "", text)


def metrics(expression: str) -> set[str]:
    """The names of metrics in an expression: what is left without strings, labels, functions and keywords."""
    text = bare(expression)
    names = re.findall(r"(?<![\w:.])[a-zA-Z_:][\w:]*(?![\w:]|\s*\()", text)
    keywords = {"and", "or", "unless", "offset", "bool", "sum", "max", "min", "count", "by", "on", "inf"}
    return {name for name in names if name.lower() not in keywords and not re.fullmatch(r"\d*[smhdwy]", name)}


def series(expression: str) -> set[str]:
    """Its metrics; a target has the KPI that it is of, for each of them can vanish alone."""
    targets = set(re.findall(r'leadguard_kpi_\w+\{kpi="\w+"\}', expression))
    return targets | {name for name in metrics(expression) if not name.startswith("leadguard_kpi_")}


def behind(expression: str) -> set[str]:
    """The series that an expression needs, those of recorded figures in place of these."""
    found: set[str] = set()
    for name in series(expression):
        found |= behind(RECORDED[name]) if name in RECORDED else {name}
    return found


def compared(expression: str) -> set[float]:
    """The numbers that something is compared with as they stand; a factor is none of them."""
    text = bare(expression)
    number = r"(\d+(?:\.\d+)?)(?![\w.])"
    after = re.findall(rf"(?:[<>]=?|[!=]=)\s*(?:bool\s+)?{number}(?!\s*[*/])", text)
    before = re.findall(rf"(?<![\w.]){number}\s*(?:[<>]=?|[!=]=)", text)
    return {float(each) for each in (*after, *before)}


# --- the rules --------------------------------------------------------------------------------------------


def test_prometheus_accepts_its_configuration_and_every_rule(tmp_path: Path) -> None:
    promtool = beside(prometheus(), "promtool")
    told(promtool, "check", "config", str(RULES.parent / "prometheus.yml"))
    told(promtool, "check", "rules", "--lint=all", "--lint-fatal", *map(str, sorted(RULES.glob("*.yml"))))


def test_the_unit_tests_of_the_alerts_pass(tmp_path: Path) -> None:
    promtool = beside(prometheus(), "promtool")
    files = [name for path in UNIT_TESTS for name in divided(path, tmp_path)]
    halves = [half for half in (files[::2], files[1::2]) if half]
    with ThreadPoolExecutor() as pool:
        # Collecting garbage took a quarter of it.
        list(pool.map(lambda half: told(promtool, "test", "rules", *half, cwd=tmp_path, GOGC="800"), halves))


def divided(path: Path, folder: Path) -> list[str]:
    """The unit tests of a file in several, each with those that ask for the same rules, and with these rules.

    promtool evaluates every rule that it is given, at each step of each test.
    """
    whole = load(path)
    groups = [group for name in whole["rule_files"] for group in load(path.parent / name)["groups"]]
    every = {named(rule): str(rule) for group in groups for rule in group["rules"]}
    tests: dict[frozenset[str], list[dict[str, Any]]] = {}
    for test in whole["tests"]:
        tests.setdefault(asked_for(test, every), []).append(test)
    files: list[str] = []
    for names, those in tests.items():
        kept = [
            {**group, "rules": [rule for rule in group["rules"] if named(rule) in names]} for group in groups
        ]
        file = f"{path.stem}_{len(files)}.yml"
        (folder / f"rules_of_{file}").write_text(yaml.safe_dump({"groups": kept}))
        (folder / file).write_text(
            yaml.safe_dump({**whole, "rule_files": [f"rules_of_{file}"], "tests": those})
        )
        files.append(file)
    return files


def named(rule: Rule) -> str:
    return str(rule.get("alert") or rule["record"])


def asked_for(test: dict[str, Any], every: dict[str, str]) -> frozenset[str]:
    """The rules that a unit test names, and those that they name; all of them where it asks for any alert."""
    text = str(test["promql_expr_test"])
    if re.search(r'\bALERTS\b(?!\{alertname="\w+")', text):
        return frozenset(every)
    found: set[str] = set()
    while new := {name for name in every.keys() - found if re.search(rf"\b{name}\b", text)}:
        found |= new
        text = " ".join(every[name] for name in new)
    return frozenset(found)


@pytest.mark.parametrize("name", ALERTS)
def test_every_alert_is_shown_firing_and_not_firing(name: str) -> None:
    checks = [check for test in unit_tests() for check in test["promql_expr_test"]]
    asked = [
        check for check in checks if f'ALERTS{{alertname="{name}", alertstate="firing"}}' in check["expr"]
    ]
    everything = [check for check in checks if 'ALERTS{alertstate="firing"}' in check["expr"]]
    firing = [check for check in asked if check["exp_samples"]]
    firing += [c for c in everything if any(f'"{name}"' in sample["labels"] for sample in c["exp_samples"])]
    silent = [check for check in asked if not check["exp_samples"]]
    silent += [
        c for c in everything if not any(f'"{name}"' in sample["labels"] for sample in c["exp_samples"])
    ]
    assert firing, f"no unit test shows {name} firing"
    assert silent or name == "Watchdog", f"no unit test shows {name} not firing"


def test_that_series_are_missing_is_an_alert_of_its_own_and_no_other() -> None:
    """With no series at all only the exporter is missed; with the exporter alone each figure is named."""
    told_of = {
        frozenset(re.findall(r'alertname="(\w+)"', str(check["exp_samples"])))
        for test in unit_tests()
        for check in test["promql_expr_test"]
        if 'ALERTS{alertstate="firing"}' in check["expr"]
    }
    assert frozenset({"Watchdog"}) in told_of
    assert frozenset({"Watchdog", "ExporterDown"}) in told_of
    assert frozenset({"Watchdog", "FiguresMissing"}) in told_of
    # Without these labels a series is there from the first moment on: an alert that reads one can be blinded.
    missed = series(ALERTS["FiguresMissing"]["expr"]) - {"leadguard_up"}
    used = {name for rule in ALERTS.values() for name in behind(rule["expr"])}
    by_data = re.compile(
        r"(sample_request|event_catering|mail_messages|job_runs|job_last_success|finops_cost_per_lead)\w*"
    )
    histograms = re.compile(r"_(count|sum)$")
    plain = {
        histograms.sub("_bucket", name)
        for name in used
        if not FOREIGN.fullmatch(name) and not by_data.fullmatch(name)
    }
    assert plain <= missed, f"FiguresMissing does not watch {sorted(plain - missed)}"


# Targets that no alert goes by, and why.
FOR_PEOPLE = {
    "reminders_in_time_24h": "the alert asks for 99 % in time, which is the SLA, and this for all of them",
    "cost_per_lead": "finops_cost_per_lead_budget is the same target, by team",
    "mail_oldest_unsent": "ReminderSlaBreached fires for the reminder in it",
}
# Numbers that are a target's by chance: failures in a row, and the share of the server's connections.
CHANCE = {"JobFailing": {3.0}, "DatabaseConnectionsHigh": {0.8}}


def test_what_the_business_asks_for_stands_in_the_database_and_not_in_the_rules(
    connect: Connect, database_url: str
) -> None:
    targets = (
        connect(database_url).execute("select kpi, threshold, tolerated, unit from kpi_thresholds").fetchall()
    )
    read = {each for rule in ALERTS.values() for each in behind(rule["expr"])}
    alerted = {kpi for each in read for kpi in re.findall(r'leadguard_kpi_\w+\{kpi="(\w+)"\}', each)}
    assert alerted | set(FOR_PEOPLE) == {kpi for kpi, *_ in targets}
    assert alerted.isdisjoint(FOR_PEOPLE)
    # Zero is asked of many figures.
    numbers = {float(number) for _, *both, _ in targets for number in both if number}
    numbers |= {
        float(number) / 100
        for _, *both, unit in targets
        for number in both
        if unit == "percent" and number and number < 100
    }
    for rule in [*ALERTS.values(), *rules("record")]:
        name = named(rule)
        stand = compared(rule["expr"]) & numbers
        assert stand <= CHANCE.get(name, set()), f"{name} has a target of its own: {stand}"
    # The texts tell the target of the day, too: as each query gives it.
    for alert in ALERTS.values():
        for query in re.findall(r"query `([^`]*)`", str(alert["annotations"])):
            assert behind(query) <= read, query


def test_a_number_in_a_rule_is_found() -> None:
    assert compared("max(x) > 3600") == compared("3600 < max by (a) (x[1h])") == {3600}
    assert compared('x{le="5"} <= bool 0.85 or increase(x[7d] offset 1h) == 4') == {0.85, 4}
    assert compared("x > 3 * y and 0.5 * z < y") == set()
    assert series('max(a{b="c"}) > max(leadguard_kpi_threshold{kpi="d"})') == {
        "a",
        'leadguard_kpi_threshold{kpi="d"}',
    }


# What the contract says of each severity, and the alerts that are of this kind.
CONTRACT = {
    "critical": {"SampleLost", "SampleSuccessCritical", "ReminderSlaBreached", "CateringSlaBreached"},
    "warning": {
        *("CostPerLeadOverBudget", "CostPerLeadSurge"),
        *("ReminderSlaAtRisk", "SampleSuccessLow", "CateringResponseSlow", "OutboxLagHigh", "JobStale"),
        "DatabaseUtilisationAboveSeasonTarget",
    },
    "info": {"HoldsOverrun", "MailStuck", "SeasonMilestonesOverdue", "Watchdog"},
}


def test_the_severity_follows_the_business_impact() -> None:
    """Lost samples are critical, a budget is a warning, what waits for a decision is routine."""
    found = {name: rule["labels"]["severity"] for name, rule in ALERTS.items()}
    for severity, names in CONTRACT.items():
        assert {name: found[name] for name in names} == dict.fromkeys(names, severity)
    # Nothing else is routine.
    assert {name for name, severity in found.items() if severity == "info"} == CONTRACT["info"]


@pytest.mark.parametrize("name", ALERTS)
def test_every_alert_says_how_bad_it_is_what_it_means_and_what_to_do(name: str) -> None:
    alert = ALERTS[name]
    labels, annotations = alert["labels"], alert["annotations"]
    assert labels["severity"] in SEVERITIES
    assert labels["business_impact"] in BUSINESS
    assert labels["concern"]
    assert labels.get("depends_on") in (None, "database", "exporter")
    assert len(annotations["summary"]) < 90
    needs_no_value = name in (
        "Watchdog",
        "ExporterDown",
        "DatabaseAway",
        "FiguresMissing",
        "MetricViewBroken",
    )
    assert "$value" in annotations["description"] or needs_no_value
    runbook = annotations["runbook_url"]
    assert re.fullmatch(r"docs/runbooks/[a-z-]+\.md", runbook)
    if all(FOREIGN.fullmatch(figure) for figure in metrics(alert["expr"])):
        assert labels.get("depends_on") != "database", "it needs no figure of the database"


def test_every_metric_in_a_rule_is_a_view_or_the_exporters_own() -> None:
    views = {path.stem.removeprefix("metric_") for path in VIEWS.glob("metric_*.sql")}
    for rule in [*rules("alert"), *rules("record")]:
        for name in metrics(rule["expr"]) - RECORDED.keys():
            base = re.sub(r"_(bucket|count|sum)$", "", name)
            assert base in views or name in views or FOREIGN.fullmatch(name), (
                f"{rule.get('alert') or rule['record']} reads {name}, which nobody serves"
            )


def row(name: str) -> str:
    """What docs/monitoring.md says of an alert."""
    alert = ALERTS[name]
    labels, annotations = alert["labels"], alert["annotations"]
    reads = sorted(series(alert["expr"])) if name != "FiguresMissing" else ["absent(…)"]
    summary = re.sub(r":? ?\(?\{\{.*?\}\}\)?", "", annotations["summary"]).strip()
    book = annotations["runbook_url"].removeprefix("docs/")
    cells = [
        f"`{name}`",
        labels["severity"],
        labels["business_impact"],
        summary,
        ", ".join(f"`{figure}`" for figure in reads) or "–",
        annotations["dashboard"].removeprefix("/d/leadguard-"),
        f"[{book.removeprefix('runbooks/').removesuffix('.md')}]({book})",
    ]
    return f"| {' | '.join(cells)} |"


def test_the_page_on_monitoring_has_a_row_for_every_alert_and_no_other() -> None:
    page = (ROOT / "docs" / "monitoring.md").read_text("utf-8")
    table = page.partition("| alert |")[2].partition("\n\n")[0].splitlines()[2:]
    assert table == [row(name) for name in ALERTS]


def test_every_runbook_that_an_alert_or_a_panel_names_is_there() -> None:
    named = {alert["annotations"]["runbook_url"] for alert in ALERTS.values()}
    for path in (ROOT / "docker" / "grafana" / "dashboards").glob("*.json"):
        found = re.findall(r"/public/(runbooks/[\w-]+\.md)", path.read_text("utf-8"))
        named |= {f"docs/{book}" for book in found}
    for name in named:
        assert (ROOT / name).is_file(), name


def test_every_recorded_figure_is_read() -> None:
    readers = [rule["expr"] for rule in [*rules("alert"), *rules("record")]]
    readers += [path.read_text("utf-8") for path in (ROOT / "docker" / "grafana").rglob("*.json")]
    for name in RECORDED:
        assert any(name in text for text in readers), name


# --- Alertmanager -----------------------------------------------------------------------------------------


def test_alertmanager_accepts_its_configuration() -> None:
    told(beside(alertmanager(), "amtool"), "check-config", str(ROUTES))


@pytest.mark.parametrize("name", ALERTS)
def test_every_alert_reaches_those_whom_it_concerns(name: str) -> None:
    labels = {"alertname": name, **ALERTS[name]["labels"]}
    found = told(
        beside(alertmanager(), "amtool"),
        *("config", "routes", "test", "--config.file", str(ROUTES)),
        *(f"{label}={value}" for label, value in labels.items()),
    )
    match (labels["severity"], labels["business_impact"]):
        case _ if name == "Watchdog":
            wanted = "watchdog"
        case ("critical", "protection" | "samples" | "catering"):
            wanted = "operations-lead"
        case ("critical", _):
            wanted = "on-call"
        case ("warning", _):
            wanted = "team-lead"
        case _:
            wanted = "operations"
    assert found.strip() == wanted


def test_the_worse_a_matter_is_the_sooner_it_is_told_again() -> None:
    units = {"s": 1, "m": 60, "h": 3600}
    routes = {each["receiver"]: each for each in load(ROUTES)["route"]["routes"]}

    def seconds(receiver: str) -> int:
        text = routes[receiver]["repeat_interval"]
        return int(text[:-1]) * units[text[-1]]

    assert seconds("watchdog") <= 60
    assert seconds("operations-lead") == seconds("on-call") == 15 * 60
    assert seconds("team-lead") == 60 * 60
    assert all(seconds(a) < seconds(b) for a, b in pairwise(("on-call", "team-lead", "operations")))


def test_an_alert_never_silences_itself_and_a_milder_one_of_its_concern_is_silenced() -> None:
    """As Alertmanager reads the rules: equality of labels and regular expressions, on both sides."""

    def matches(matchers: list[str], labels: dict[str, str]) -> bool:
        for matcher in matchers:
            label, operator, value = re.fullmatch(r'(\w+) (=~|=) "(.*)"', matcher).groups()  # type: ignore[union-attr]
            there = labels.get(label, "")
            if not (re.fullmatch(value, there) if operator == "=~" else there == value):
                return False
        return True

    def silenced_by(source: str) -> set[str]:
        one = {"alertname": source, **ALERTS[source]["labels"]}
        found = set()
        for rule in load(ROUTES)["inhibit_rules"]:
            if matches(rule["source_matchers"], one):
                for name, alert in ALERTS.items():
                    other = {"alertname": name, **alert["labels"]}
                    same = all(one.get(label) == other.get(label) for label in rule.get("equal", []))
                    if name != source and same and matches(rule["target_matchers"], other):
                        found.add(name)
        return found

    assert silenced_by("SampleSuccessCritical") == {"SampleSuccessLow"}
    assert silenced_by("OutboxStalled") == {"OutboxLagHigh"}
    assert silenced_by("ReminderSlaBreached") == {"ReminderSlaAtRisk"}
    assert silenced_by("SampleLost") == set()
    assert silenced_by("CostPerLeadOverBudget") == {"CostPerLeadSurge"}
    assert silenced_by("DatabaseConnectionsHigh") == {"DatabaseUtilisationAboveSeasonTarget"}
    away = silenced_by("DatabaseAway")
    assert {"ReminderSlaBreached", "OutboxStalled", "JobStale", "SampleLost", "SnapshotStale"} <= away
    assert away.isdisjoint({"Watchdog", "ExporterDown", "RuleEvaluationFails", "AlertsNotDelivered"})
    assert silenced_by("ExporterDown") == away | {"DatabaseAway", "MetricViewBroken"}
    for name in ALERTS:
        assert name not in silenced_by(name)
        assert "Watchdog" not in silenced_by(name)


@pytest.fixture
def started(tmp_path: Path) -> Any:
    """Runs docker/alertmanager/start with `echo` in Alertmanager's place."""
    secrets = tmp_path / "secrets"
    secrets.mkdir()
    (secrets / "alert_watchdog_url").write_text("https://dead.example/ping?key=a&b=c|d\n")
    (secrets / "alert_webhook_url").write_text("https://pager.example/hook\n")
    (secrets / "alert_smtp_password").write_text("geheim")
    target = tmp_path / "made.yml"

    def start(**variables: str) -> subprocess.CompletedProcess[str]:
        own = {
            "PATH": os.environ["PATH"],
            "ALERTMANAGER_CONFIG": str(ROUTES),
            "ALERTMANAGER_SECRETS": str(secrets),
            "ALERTMANAGER_TARGET": str(target),
            "ALERTMANAGER_PROGRAM": "echo",
        }
        return subprocess.run(
            [START, "--log.level=info"], env={**own, **variables}, capture_output=True, text=True, check=False
        )

    start.target = target  # type: ignore[attr-defined]
    start.secrets = secrets  # type: ignore[attr-defined]
    return start


def test_the_start_script_fills_in_addresses_and_keeps_them_to_itself(started: Any) -> None:
    done = started()
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == f"--log.level=info --config.file={started.target}\n"
    assert started.target.stat().st_mode & 0o777 == 0o600
    made = load(started.target)
    urls = {each["name"]: each["webhook_configs"][0]["url"] for each in made["receivers"]}
    assert urls.pop("watchdog") == "https://dead.example/ping?key=a&b=c|d"
    assert set(urls.values()) == {"https://pager.example/hook"}
    # No mail server named: no mail, rather than mails that fail.
    text = started.target.read_text()
    assert "email_configs" not in text
    assert ".invalid" not in "".join(line for line in text.splitlines() if not line.startswith("#"))
    told(beside(alertmanager(), "amtool"), "check-config", str(started.target))
    assert sorted(path.name for path in started.target.parent.iterdir()) == ["made.yml", "secrets"]


def test_with_a_mail_server_each_receiver_has_its_address(started: Any) -> None:
    mail = {
        "ALERT_SMTP": "mail.example:587",
        "ALERT_MAIL_FROM": "leadguard@foods.example",
        "ALERT_MAIL_OPERATIONS": "operations@foods.example",
        "ALERT_MAIL_ON_CALL": "night@foods.example",
    }
    done = started(**mail)
    assert (done.returncode, done.stderr) == (0, "")
    made = load(started.target)
    assert made["global"]["smtp_smarthost"] == "mail.example:587"
    assert made["global"]["smtp_auth_password_file"] == str(started.secrets / "alert_smtp_password")
    addresses = {
        each["name"]: each["email_configs"][0]["to"]
        for each in made["receivers"]
        if each["name"] != "watchdog"
    }
    assert addresses.pop("on-call") == "night@foods.example"
    assert set(addresses.values()) == {"operations@foods.example"}
    told(beside(alertmanager(), "amtool"), "check-config", str(started.target))


def test_an_address_that_would_end_its_place_in_the_file_is_refused(started: Any) -> None:
    (started.secrets / "alert_webhook_url").write_text('https://x.example/", send_resolved: "no')
    done = started()
    assert done.returncode == 2
    assert "no place in an address" in done.stderr
    assert not started.target.exists()
