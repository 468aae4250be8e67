"""Every panel shows something of the demo: on a Prometheus that watched it, and as Grafana's role."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from dataclasses import dataclass
from io import StringIO
from typing import Any

import psycopg
import pytest
from rich.console import Console

from docker.grafana.build import DASHBOARDS
from jobs.cluster import Cluster
from jobs.database import Database
from jobs.demo import NEXT, STOCK, WRITTEN_ON, count_figures, import_examples, publish_events, work
from tests.brokers import free_port
from tests.daemon import eventually
from tests.monitoring import Exporter, Prometheus
from tests.test_dashboards import board, queries

# Zero is what these show while all goes well; and the demo sends no mail.
WELL = (
    "max(outbox_dead_letters)",
    "max(lead_holds_overrun)",
    "sum by (outcome) (increase(mail_messages_total[1h]))",
    "max(mail_messages_pending)",
)


@dataclass
class Demo:
    """The demo, once through, as Prometheus saw it and as Grafana's role reads it."""

    prometheus: Prometheus
    began: float
    reader: psycopg.Connection[Any]
    chosen: dict[str, str]  # what is typed into the variables


@pytest.fixture(scope="module")
def demo(cluster: Cluster, template: str) -> Iterator[Demo]:
    """The demo's own data by its own steps, and nothing else: counters grow only where it makes them grow."""
    url = cluster.create_database("leadguard_panels", template)
    database = Database(url)
    out = Console(file=StringIO())
    with database.session("leadguard demo") as connection:
        for _ in import_examples(database, WRITTEN_ON, STOCK):
            pass
        publish_events(database, connection, out)
        count_figures(database, connection)
        began = time.time()
        # Watched from here on: a counter's first value is no increase.
        with Exporter(url) as exporter, Prometheus(exporter.port, free_port()) as prometheus:
            prometheus.scraped()
            for _ in import_examples(database, WRITTEN_ON, NEXT):
                pass
            prometheus.scraped()
            work(database, connection, out)
            count_figures(database, connection)
            prometheus.scraped()
            with psycopg.connect(url, autocommit=True) as reader:
                reader.execute("set role grafana_reader")
                row = reader.execute(
                    "select lead_id, user_id from public.v_user_lead_protection where state = 'GRACE' limit 1"
                ).fetchone()
                assert row
                yield Demo(prometheus, began, reader, {"lead": str(row[0]), "user": str(row[1])})
    cluster.drop_database("leadguard_panels")


# --- Prometheus -------------------------------------------------------------------------------------------


def _filled(expression: str) -> str:
    """As Grafana sends it, with every team and every season."""
    return re.sub(r"\$\{\w+:regex\}", ".*", expression)


@pytest.mark.parametrize(("where", "expression"), list(queries("expr")))
def test_every_query_to_prometheus_shows_what_the_demo_did(where: str, expression: str, demo: Demo) -> None:
    def answered() -> list[float]:
        found = demo.prometheus.get(
            "/api/v1/query_range",
            query=_filled(expression),
            start=str(demo.began),
            end=str(time.time()),
            # Finer than it scrapes: what was so at one scrape alone is seen.
            step="0.2",
        )["result"]
        values = [float(value) for series in found for _, value in series["values"]]
        return [value for value in values if value > 0 or (value == 0 and expression in WELL)]

    assert eventually(answered, f"{where} has data: {expression}", patience=5)


def test_what_variables_offer_is_there(demo: Demo) -> None:
    for name in DASHBOARDS:
        for variable in board(name)["templating"]["list"]:
            asked = re.fullmatch(r"label_values\((\w+), (\w+)\)", str(variable.get("query", "")))
            if asked:
                found = demo.prometheus.get(f"/api/v1/label/{asked[2]}/values", **{"match[]": asked[1]})
                assert found, variable["name"]


# --- PostgreSQL -------------------------------------------------------------------------------------------


def interpolated(sql: str, **values: str) -> str:
    """As Grafana puts a text variable in: only the form that quotes is allowed here."""
    for variable, form in re.findall(r"\$\{?(\w+)(?::(\w+))?", sql):
        assert form == "sqlstring", f"${variable} must come as ${{{variable}:sqlstring}}"
    return re.sub(r"\$\{(\w+):sqlstring\}", lambda m: "'" + values[m[1]].replace("'", "''") + "'", sql)


@pytest.mark.parametrize(("where", "sql"), list(queries("rawSql")))
def test_every_sql_query_returns_rows_to_grafanas_role(where: str, sql: str, demo: Demo) -> None:
    asked = interpolated(sql, **demo.chosen)
    assert demo.reader.execute(asked.encode()).fetchall(), where


@pytest.mark.parametrize(
    "typed", ["", "  ", "x", "7' or '1'='1", "7; drop view v_lead_timeline", "$1", "7\\'"]
)
def test_what_is_typed_into_a_variable_never_becomes_sql(typed: str, demo: Demo) -> None:
    for _where, sql in queries("rawSql"):
        if "${" in sql:
            asked = interpolated(sql, lead=typed, user=typed)
            if typed.strip():
                with pytest.raises(psycopg.errors.InvalidTextRepresentation):
                    demo.reader.execute(asked.encode())
            else:
                assert demo.reader.execute(asked.encode()).fetchall() == []


def test_grafanas_role_reads_no_table(demo: Demo) -> None:
    for statement in (
        b"select 1 from public.leads",
        b"select 1 from public.sales_users",
        b"table public.outbox",
    ):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            demo.reader.execute(statement)
