"""`leadguard check` asks who watches: what it expects is what docker/ ships, and it tells whatever answers.

The real exporter and a real Prometheus are asked in test_monitoring.py. Grafana's server is in no package
registry: here a small server answers in the shapes that Grafana's HTTP API documents.
"""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

import click
import pytest
import yaml

from jobs import monitors, web
from jobs.errors import UsageProblem
from jobs.monitors import DASHBOARDS, DATA_SOURCES, RULE_GROUPS, SCRAPE_JOBS
from jobs.paths import VIEWS
from tests.brokers import HOST, Answer, Receiver
from tests.house import House, address, said
from tests.shell import run

DOCKER = Path(__file__).resolve().parent.parent / "docker"
SOURCES = DOCKER / "grafana" / "provisioning" / "datasources" / "leadguard.yml"
WHAT = ["exporter", "Prometheus targets", "rule health", "Grafana dashboards"]


# --- what is expected is what is shipped ------------------------------------------------------------------


def test_the_scrape_jobs_are_those_of_prometheus_configuration() -> None:
    config = yaml.safe_load((DOCKER / "prometheus" / "prometheus.yml").read_text("utf-8"))
    assert [each["job_name"] for each in config["scrape_configs"]] == list(SCRAPE_JOBS)


def test_the_rule_groups_are_those_of_the_rule_files() -> None:
    files = sorted((DOCKER / "prometheus" / "rules").glob("*.yml"))
    groups = [group for file in files for group in yaml.safe_load(file.read_text("utf-8"))["groups"]]
    assert {group["name"]: len(group["rules"]) for group in groups} == RULE_GROUPS


def test_the_dashboards_and_data_sources_are_those_that_grafana_is_given() -> None:
    models = [
        json.loads(path.read_text("utf-8")) for path in (DOCKER / "grafana" / "dashboards").glob("*.json")
    ]
    assert sorted(model["uid"] for model in models) == list(DASHBOARDS)
    sources = yaml.safe_load(SOURCES.read_text("utf-8"))["datasources"]
    assert sorted(source["uid"] for source in sources) == list(DATA_SOURCES)


# --- a house where all is well ----------------------------------------------------------------------------


@pytest.fixture
def house(receiver: Receiver) -> House:
    return House(receiver)


def test_a_house_in_order_is_ok_in_every_row(house: House) -> None:
    rows = house.rows()
    assert list(rows) == WHAT
    assert {row[1] for row in rows.values()} == {"OK"}, rows
    views = len(list(VIEWS.glob("metric_*.sql")))
    assert rows["exporter"][2] == f"{views} figures, counted 12 s ago"
    asked = {urlsplit(each.path).path for each in house.receiver.received}
    assert asked >= {f"/api/datasources/uid/{uid}/health" for uid in DATA_SOURCES}


def spoil_up(house: House) -> None:
    house.metrics.append("# TYPE other gauge")
    house.metrics[house.metrics.index("leadguard_up 1.0")] = "leadguard_up 0.0"


def spoil_age(house: House) -> None:
    house.metrics[house.metrics.index("leadguard_snapshot_age_seconds 12.0")] = (
        "leadguard_snapshot_age_seconds 181"
    )


def spoil_count(house: House) -> None:
    house.metrics[house.metrics.index("leadguard_snapshot_age_seconds 12.0")] = (
        "leadguard_snapshot_age_seconds +Inf"
    )


def spoil_threshold(house: House) -> None:
    house.metrics.remove('leadguard_kpi_threshold{kpi="snapshot_age"} 180.0')


def spoil_figure(house: House) -> None:
    house.metrics.remove("# TYPE outbox_pending gauge")


def spoil_view(house: House) -> None:
    house.metrics.append('leadguard_metric_view_broken{view="metric_outbox_pending"} 1.0')


def spoil_target(house: House) -> None:
    house.targets[0] |= {"health": "down", "lastError": "connection refused"}


def spoil_job(house: House) -> None:
    del house.targets[2]


def spoil_group(house: House) -> None:
    del house.groups[0]


def spoil_count_of_rules(house: House) -> None:
    del house.groups[1]["rules"][0]


def spoil_rule(house: House) -> None:
    house.groups[1]["rules"][0] |= {"health": "err", "lastError": "many-to-many \ud800\x1b[31m"}


def spoil_fresh_rule(house: House) -> None:
    house.groups[1]["rules"][0] |= {"health": "unknown"}


def spoil_dashboard(house: House) -> None:
    del house.dashboards[0]


def spoil_source(house: House) -> None:
    del house.sources["leadguard-postgres"]


def spoil_reach(house: House) -> None:
    house.sources["leadguard-postgres"] = said({"status": "ERROR", "message": "no route to host"}, 400)


def spoil_all_rules(house: House) -> None:
    house.groups.clear()


@pytest.mark.parametrize(
    ("spoil", "what", "tells"),
    [
        (spoil_up, "exporter", "leadguard_up is 0: it cannot read the database"),
        (spoil_age, "exporter", "the figures were counted 181 s ago; 180 s are tolerated"),
        (spoil_count, "exporter", "the figures were never counted; 180 s are tolerated"),
        (spoil_threshold, "exporter", "nothing says how old the figures are, or may be"),
        (spoil_figure, "exporter", "metric_outbox_pending is not served"),
        (spoil_view, "exporter", "metric_outbox_pending cannot be read"),
        (spoil_target, "Prometheus targets", "leadguard at leadguard:9090 is down: connection refused"),
        (spoil_job, "Prometheus targets", "no target of the job alertmanager"),
        (spoil_group, "rule health", "the group leadguard-alerts-protection is not loaded"),
        (spoil_count_of_rules, "rule health", "the group leadguard-alerts-samples has 2 rules of 3"),
        (spoil_rule, "rule health", "leadguard-alerts-samples-0 is err: many-to-many ? [31m"),
        (spoil_fresh_rule, "rule health", "leadguard-alerts-samples-0 is unknown: no reason told"),
        (spoil_all_rules, "rule health", "not loaded; and 9 more"),
        (spoil_dashboard, "Grafana dashboards", "no dashboard leadguard-lead-protection"),
        (
            spoil_source,
            "Grafana dashboards",
            "the data source leadguard-postgres answers 500 Internal Server Error",
        ),
        (spoil_reach, "Grafana dashboards", "the data source leadguard-postgres: no route to host"),
    ],
    ids=lambda value: value.__name__ if callable(value) else None,
)
def test_what_is_wrong_fails_by_name_with_what_to_do(
    spoil: Callable[[House], None], what: str, tells: str, house: House
) -> None:
    spoil(house)
    rows = house.rows()
    _, status, evidence, what_to_do = rows.pop(what)
    assert status == "FAIL"
    assert evidence.endswith(tells)
    assert what_to_do
    assert {row[1] for row in rows.values()} == {"OK"}


# --- whatever answers -------------------------------------------------------------------------------------

JUNK = {
    "a page": b"<html><body>Please log in</body></html>",
    "nothing": b"",
    "no UTF-8": b"\xff\xfe\x00",
    "half": b'{"data": {"activeTargets": [',
    "a depth": b"[" * 100_000,
    "a long number": b"9" * 10_000,
    "null": b"null",
    "a list": b"[1, 2]",
    "other members": b'{"data": {"activeTargets": 1, "groups": {"name": []}}}',
    "other kinds": b'{"data": {"activeTargets": [7], "groups": [{"name": 7, "rules": 7}, []]}}',
    "half a line of figures": b'leadguard_up{a="',
    "other figures": b"up 1\n",
    "figures of no number": b"leadguard_up one\n",
}


@pytest.mark.parametrize("body", JUNK.values(), ids=JUNK)
def test_junk_is_a_finding(body: bytes, house: House) -> None:
    house.instead = Answer(200, body=body)
    assert {(row[1], bool(row[2]), bool(row[3])) for row in house.rows().values()} == {("FAIL", True, True)}


@pytest.mark.parametrize(
    ("answer", "tells"),
    [
        (Answer(204), "answers 204 No Content"),
        (Answer(302, {"Location": "http://127.0.0.1:1/elsewhere"}), "answers 302 Found"),
        (Answer(503), "answers 503 Service Unavailable"),
        (Answer(299), "answers 299"),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)
def test_another_answer_is_a_finding_and_no_redirection_is_followed(
    answer: Answer, tells: str, house: House
) -> None:
    house.instead = answer
    for row in house.rows().values():
        assert row[1] == "FAIL"
        assert row[2].startswith(f"{house.url}/")
        assert tells in row[2]


def test_who_speaks_another_language_is_a_finding() -> None:
    with socket.create_server((HOST, 0)) as server:

        def greet() -> None:
            connection, _ = server.accept()
            with connection:
                connection.recv(10_000)
                connection.sendall(b"SSH-2.0-OpenSSH_9.2\r\n")

        threading.Thread(target=greet, daemon=True).start()
        row = monitors.look(address(f"http://{HOST}:{server.getsockname()[1]}"), None, None)[0]
    assert row[1] == "FAIL"
    assert row[2].endswith("/metrics answers in no HTTP (BadStatusLine)")


def test_too_large_an_answer_is_not_read_to_its_end(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(web, "_MOST_BYTES", 1_000_000)
    house.instead = Answer(200, body=b" " * 1_000_001)
    assert all(row[2].endswith("answers with more than 1 MB") for row in house.rows().values())


def test_who_says_nothing_or_drips_is_waited_for_no_longer_than_told(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(web, "_SECONDS", 0.2)
    house.instead = Answer(hangs=True)
    assert all(row[2].endswith(": timed out") for row in house.rows().values())
    monkeypatch.setattr(web, "_SECONDS", 10)
    monkeypatch.setattr(monitors, "_PATIENCE_SECONDS", 0.2)
    assert {row[2] for row in house.rows().values()} == {"no whole answer within 0.2 s"}


def test_who_is_not_there_is_a_finding() -> None:
    with socket.socket() as nobody:
        nobody.bind((HOST, 0))  # and does not listen
        at = address(f"http://{HOST}:{nobody.getsockname()[1]}")
        rows = monitors.look(at, at, at)
    assert [row[0] for row in rows] == WHAT
    for row, option in zip(rows, ("--exporter", "--prometheus", "--prometheus", "--grafana"), strict=True):
        assert row[1] == "FAIL"
        assert row[2].endswith(": Connection refused")
        assert row[3] == f"Is it up, and is its address what {option} says?"
    (row, *_) = monitors.look(address(f"http://{'a' * 64}.example"), None, None)
    assert row[1] == "FAIL"


# --- secrets ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("url", "token", "header"),
    [
        ("http://{}", "", ""),
        ("http://{}", "glsa_geheim", "Bearer glsa_geheim"),
        ("http://{}", "admin:geheim", "Basic YWRtaW46Z2VoZWlt"),
        ("http://admin@{}", "geheim", "Basic YWRtaW46Z2VoZWlt"),
        ("http://admin:geheim@{}", "", "Basic YWRtaW46Z2VoZWlt"),
        ("http://admin:geheim@{}", "another", "Basic YWRtaW46Z2VoZWlt"),
        ("http://admin:gehe%69m@{}/", "", "Basic YWRtaW46Z2VoZWlt"),
    ],
)
def test_grafana_is_shown_a_token_or_a_password(
    url: str, token: str, header: str, house: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "token").write_text(f"{token}\n")
    at = address(url.format(f"{HOST}:{house.receiver.port}"))
    house.instead = Answer(401)
    for variable, value in (("", token), ("_FILE", str(tmp_path / "token"))):
        with monkeypatch.context() as patch:
            patch.setenv(f"{monitors.GRAFANA_TOKEN}{variable}", value)
            asked = at.knowing(web.secret(monitors.GRAFANA_TOKEN))
        assert "geheim" not in repr(asked)
        row = monitors.look(None, None, asked)[3]
        assert house.receiver.received[-1].headers.get("authorization", "") == header
        assert row[:3] == (WHAT[3], "FAIL", f"{house.url}/api/search answers 401 Unauthorized")
        assert monitors.GRAFANA_TOKEN in (row[3] or "")


def test_the_token_is_for_grafana_alone(house: House, database_url: str) -> None:
    given = {f"LEADGUARD_{name}_URL": house.url for name in ("EXPORTER", "PROMETHEUS", "GRAFANA")}
    given[monitors.GRAFANA_TOKEN] = "glsa_geheim"
    _, out, _ = run("check", "--json", url=database_url, **given)
    assert "geheim" not in out
    found = {row["what"]: row["status"] for row in json.loads(out)["checks"]}
    assert {what: found[what] for what in WHAT} == dict.fromkeys(WHAT, "OK")
    for each in house.receiver.received:
        is_grafana = each.path.startswith(("/api/search", "/api/datasources"))
        assert each.headers.get("authorization") == ("Bearer glsa_geheim" if is_grafana else None)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "grafana:3000",
        "file:///etc/passwd",
        "ftp://admin:geheim@grafana",
        "http://",
        "http://admin:geheim@grafana:port",
        "http://admin:geheim@[half",
        "http://grafana/?token=geheim",
        "http://grafana/#geheim",
        "http://grafana/ geheim",
        "http://grafana/\r\ngeheim: 1",
    ],
)
def test_what_is_no_address_is_refused_and_not_quoted(url: str) -> None:
    with pytest.raises(click.UsageError) as caught:
        address(url)
    assert "geheim" not in str(caught.value)


@pytest.mark.parametrize("token", ["two words geheim", "geheim\r\nHost: b", "geheimä"])
def test_a_token_that_cannot_be_sent_is_refused_and_not_quoted(
    token: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(monitors.GRAFANA_TOKEN, token)
    with pytest.raises(UsageProblem) as caught:
        web.secret(monitors.GRAFANA_TOKEN)
    assert monitors.GRAFANA_TOKEN in caught.value.message
    assert "geheim" not in caught.value.message


def test_a_wrong_address_and_a_token_file_that_is_missing_are_exit_2(database_url: str) -> None:
    code, out, error = run("check", url=database_url, LEADGUARD_GRAFANA_URL="http://admin:geheim@host:port")
    assert (code, out) == (2, "")
    assert "'--grafana': it looks like http://host:9090" in error
    assert "geheim" not in error
    missing = {f"{monitors.GRAFANA_TOKEN}_FILE": "/nonexistent"}
    code, out, error = run("check", "--grafana", "http://grafana:3000", url=database_url, **missing)
    assert (code, out) == (2, "")
    assert "/nonexistent" in error


def test_a_path_in_front_and_ipv6_are_kept() -> None:
    assert address("https://watch.example/prometheus/").url == "https://watch.example/prometheus"
    assert address("http://[::1]:9090").url == "http://[::1]:9090"
