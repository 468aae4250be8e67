"""The way of an alarm, on real servers: exporter, Prometheus, Alertmanager, and a webhook that is told."""

from __future__ import annotations

import json
import signal
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import psycopg
import pytest
import yaml

from jobs.cluster import Cluster
from tests.brokers import HOST, Receiver
from tests.daemon import eventually
from tests.monitoring import Alertmanager, Exporter, Prometheus
from tests.shell import run

Connection = psycopg.Connection[Any]

RUNBOOKS = "https://wiki.example/a&b|c#runbooks"


def passes(url: str, *commands: str) -> None:
    """A pass of each worker, as cron would."""
    for command in commands:
        code, _, error = run(*command.split(), url=url)
        assert code == 0, error


@dataclass
class Stack:
    """What compose.yaml starts, less Grafana."""

    url: str
    connection: Connection
    exporter: Exporter
    prometheus: Prometheus
    alertmanager: Alertmanager
    receiver: Receiver

    def refresh(self) -> None:
        self.connection.execute("select public.refresh_figures()")

    def watched(self) -> dict[str, dict[str, str]]:
        """What `leadguard check` says of exporter and Prometheus."""
        given = {
            "LEADGUARD_EXPORTER_URL": f"http://{HOST}:{self.exporter.port}",
            "LEADGUARD_PROMETHEUS_URL": f"http://{HOST}:{self.prometheus.port}",
        }
        code, out, _ = run("check", "--json", url=self.url, **given)
        # The tests' server may lose commits, which is a finding.
        assert code == 8
        rows = {row["what"]: row for row in json.loads(out)["checks"]}
        return {what: rows[what] for what in ("exporter", "Prometheus targets", "rule health")}

    def told(self, path: str) -> list[dict[str, Any]]:
        """The bodies that a webhook got."""
        return [json.loads(each.body) for each in list(self.receiver.received) if each.path == path]

    def hears(self, alert: str, status: str = "firing") -> dict[str, Any]:
        """Waits until the webhook is told of an alert; the message's own part of it, with its receiver."""

        def found() -> dict[str, Any] | None:
            for body in self.told("/alerts"):
                for one in body["alerts"]:
                    if one["labels"]["alertname"] == alert and one["status"] == status:
                        return {**one, "receiver": body["receiver"]}
            return None

        heard: dict[str, Any] = eventually(found, f"the webhook hears of {alert}: {status}")
        return heard


# What happens in a house where all is well: leads that come in and one to be reminded of, samples that
# arrive and one that fails, answers in time, costs within their budget.
HAPPENS = """
    insert into public.leads (id, user_id, created_at)
    select {0} + n, 7, now() - interval '1 hour' - n * interval '13 days' from generate_series(0, 5) as n;
    insert into public.sample_requests (id, user_id, product_type, urgency)
    select n, 7, case when n % 2 = 0 then 'Käse' else 'Brot' end, 'NORMAL'
    from generate_series({0} + 1, {0} + 20) as n;
    update public.sample_requests set status = 'DELIVERED' where id between {0} + 1 and {0} + 18;
    update public.sample_requests set status = 'FAILED' where id = {0} + 19;
    insert into public.event_catering_requests (id, user_id, event_type, requested_at)
    select n, 7, 'WEDDING', now() - interval '20 minutes' from generate_series({0} + 1, {0} + 6) as n;
    update public.event_catering_requests set responded_at = now() where id between {0} + 1 and {0} + 6;
    insert into public.cost_entries (cost_type, amount_eur, incurred_at, source)
    values ('AI', 6.5, now() - interval '2 hours', 'test'), ('AI', 10, now() - interval '3 days', 'test');
"""


@pytest.fixture(scope="module")
def stack(cluster: Cluster, template: str) -> Iterator[Stack]:
    url = cluster.create_database("leadguard_monitoring", template)
    with psycopg.connect(url, autocommit=True) as connection, Receiver() as receiver:
        connection.execute("update public.settings set value = 'any' where name = 'reminder_proof'")
        connection.execute(HAPPENS.format(9000).encode())
        passes(url, "breaches", "publish --sink file:/dev/null", "refresh")
        with (
            Exporter(url) as exporter,
            Alertmanager(receiver) as alertmanager,
            Prometheus(exporter.port, alertmanager.port, RUNBOOKS) as prometheus,
        ):
            running = Stack(url, connection, exporter, prometheus, alertmanager, receiver)
            prometheus.scraped()
            connection.execute(HAPPENS.format(9100).encode())
            passes(url, "remind", "expire", "publish --sink file:/dev/null", "refresh")
            prometheus.scraped()
            yield running
    cluster.drop_database("leadguard_monitoring")


def test_while_all_is_well_targets_are_up_rules_healthy_and_only_the_watchdog_fires(stack: Stack) -> None:
    def evaluated() -> bool:
        groups = stack.prometheus.get("/api/v1/rules")["groups"]
        return all(rule["health"] != "unknown" for group in groups for rule in group["rules"])

    eventually(evaluated, "every rule has been evaluated")
    # The go-live plan's own commands.
    targets = stack.prometheus.curl("/api/v1/targets")["data"]["activeTargets"]
    assert {target["labels"]["job"]: target["health"] for target in targets} == {
        "leadguard": "up",
        "prometheus": "up",
        "alertmanager": "up",
    }
    groups = stack.prometheus.curl("/api/v1/rules")["data"]["groups"]
    rules = [rule for group in groups for rule in group["rules"]]
    assert {rule["name"]: rule.get("lastError") for rule in rules if rule["health"] != "ok"} == {}
    assert len(rules) > 40
    watchdog = eventually(lambda: stack.told("/watchdog"), "the watchdog's receiver hears it")
    assert watchdog[0]["receiver"] == "watchdog"
    again = len(stack.told("/watchdog"))
    eventually(lambda: len(stack.told("/watchdog")) > again + 1, "the watchdog is heard again and again")
    stack.refresh()
    # On a busy machine not every scrape is in time.
    eventually(
        lambda: {row["status"] for row in stack.watched().values()} == {"OK"},
        "leadguard check finds all well",
    )
    # Minutes have passed for the alerts by now: one that waits for its time would at least be pending.
    assert stack.prometheus.alerts("firing", "pending") == {"Watchdog"}
    assert stack.told("/alerts") == []


def test_a_reminder_that_waits_for_two_hours_reaches_the_operations_lead(stack: Stack) -> None:
    with stack.connection.transaction():
        stack.connection.execute(
            "insert into public.leads (id, user_id, created_at)"
            " values (990001, 7, now() - interval '70 days')"
        )
        # Entered two hours ago: from then on the hour runs.
        stack.connection.execute(
            "update internal.lead_clocks set facts_entered_at = now() - interval '2 hours'"
            " where lead_id = 990001"
        )
    stack.refresh()
    heard = stack.hears("ReminderSlaBreached")
    assert heard["receiver"] == "operations-lead"
    assert heard["labels"]["severity"] == "critical"
    assert "has waited 2h 0m" in heard["annotations"]["description"]
    assert heard["annotations"]["runbook_url"] == f"{RUNBOOKS}/reminder-pipeline.md"
    stack.connection.execute("delete from public.leads where id = 990001")
    stack.refresh()
    stack.hears("ReminderSlaBreached", "resolved")


def test_a_lost_sample_is_told_at_once_and_names_the_product(stack: Stack) -> None:
    stack.connection.execute("update public.sample_requests set status = 'LOST' where id = 9120")
    stack.refresh()
    heard = stack.hears("SampleLost")
    assert heard["receiver"] == "operations-lead"
    assert heard["labels"]["product_type"] == "Käse"
    assert "Immediate escalation to Operations-Lead" in heard["annotations"]["description"]


def test_a_catering_request_without_an_answer_for_two_hours_is_told(stack: Stack) -> None:
    stack.connection.execute(
        "insert into public.event_catering_requests (id, user_id, event_type, requested_at)"
        " values (9999, 7, 'WEDDING', now() - interval '3 hours')"
    )
    stack.connection.execute("select public.record_catering_breaches()")
    stack.refresh()
    assert stack.hears("CateringSlaBreached")["receiver"] == "operations-lead"


def test_an_event_that_is_given_up_reaches_the_team_lead(stack: Stack) -> None:
    stack.connection.execute("insert into public.leads (id, user_id) values (990002, 7)")
    claimed = stack.connection.execute("select token, id from public.claim_outbox_events('test')").fetchone()
    assert claimed
    stack.connection.execute(
        "select * from public.refuse_outbox_events("
        "%s, array[%s::bigint], array['no such exchange'], p_final => array[true])",
        claimed,
    )
    stack.refresh()
    heard = stack.hears("OutboxDeadLetters")
    assert heard["receiver"] == "team-lead"
    assert heard["annotations"]["description"].startswith("1 events were refused")
    assert heard["annotations"]["dashboard"] == "/d/leadguard-seasonal-ops"


def test_a_stopped_exporter_is_told_and_silences_what_follows_from_it(stack: Stack) -> None:
    stack.exporter.stop()
    heard = stack.hears("ExporterDown")
    assert heard["receiver"] == "on-call"
    assert heard["labels"]["business_impact"] == "monitoring"

    def silenced() -> bool:
        found = {each["labels"]["alertname"]: each["status"]["state"] for each in stack.alertmanager.alerts()}
        return found.get("ExporterDown") == "active" and all(
            state == "suppressed" for name, state in found.items() if name not in ("ExporterDown", "Watchdog")
        )

    eventually(silenced, "alerts that need the exporter are silenced")
    found = stack.watched()
    assert found["exporter"]["evidence"].endswith("/metrics: Connection refused")
    assert f"leadguard at {HOST}:{stack.exporter.port} is down: " in found["Prometheus targets"]["evidence"]
    assert {what: row["status"] for what, row in found.items()} == {
        "exporter": "FAIL",
        "Prometheus targets": "FAIL",
        "rule health": "OK",
    }
    stack.exporter.start()
    stack.hears("ExporterDown", "resolved")


def test_a_database_that_is_away_is_told_once(stack: Stack) -> None:
    name = stack.connection.info.dbname
    with psycopg.connect(stack.url.replace(name, "postgres"), autocommit=True) as other:
        other.execute(f'alter database "{name}" allow_connections false'.encode())
        other.execute(
            "select pg_terminate_backend(pid) from pg_stat_activity where datname = %s and pid <> %s",
            (name, stack.connection.info.backend_pid),
        )
        try:
            assert stack.hears("DatabaseAway")["receiver"] == "on-call"
        finally:
            other.execute(f'alter database "{name}" allow_connections true'.encode())
    stack.hears("DatabaseAway", "resolved")


def test_rules_that_are_not_loaded_or_fail_are_found(stack: Stack) -> None:
    """Last: from here on recorded figures are missing."""
    path = stack.prometheus.directory / "filled" / "rules" / "recording.yml"
    groups = yaml.safe_load(path.read_text("utf-8"))["groups"]
    groups[0]["rules"][0]["expr"] = "lead_protection_state + on () lead_protection_state"
    name = groups[0]["rules"][0]["record"]
    path.write_text(yaml.safe_dump({"groups": groups[:-1]}))
    stack.prometheus.signal(signal.SIGHUP)

    def found() -> str:
        row = stack.watched()["rule health"]
        return row["evidence"] if f"{name} is err" in row["evidence"] else ""

    evidence = eventually(found, "the rule has failed")
    assert evidence.startswith(f"{name} is err: found duplicate series for the match group")
    assert evidence.endswith(f"; the group {groups[-1]['name']} is not loaded")
