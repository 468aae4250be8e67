"""The plans of the hot queries, as Markdown for bench/README.md."""

from __future__ import annotations

import re

from psycopg.errors import Diagnostic

from bench.cases import READS, RELATIONS
from bench.sweeps import SWEEPS, finding_query
from jobs.database import Connection

_EXPLAIN = "explain (analyze, buffers, costs off, timing off, summary off)"

# What is written, and by statements of which functions it is followed.
_WRITES = {
    "Inserting a lead: the statements of its trigger": "insert into public.leads (user_id) values (7)",
    "Inserting an activity: the statements of its trigger": """
        insert into public.lead_activities (lead_id, user_id, activity_type)
        select c.lead_id, c.user_id, 'QUALIFIED_CALL'
          from internal.lead_clocks as c
         where c.state = 'PROTECTED' and now() < c.steady_until
         limit 1""",
    "Inserting 10,000 activities: the statements of their trigger": """
        insert into public.lead_activities (lead_id, user_id, activity_type)
        select c.lead_id, c.user_id, 'QUALIFIED_CALL'
          from internal.lead_clocks as c
         where c.state = 'PROTECTED' and now() < c.steady_until
         limit 10000""",
}
# auto_explain tells what each statement inside a function does; a foreign key's own checks and what reads no
# table are left out.
_TOLD = re.compile(
    r"duration: .* plan:\nQuery Text:(?P<query>.*?)\n(?P<plan>[A-Z][^\n]* \(cost=.*)", re.DOTALL
)
_NO_TABLE = re.compile(r"Result  [^\n]*(\n  Buffers: [^\n]*)?")
_COSTS = re.compile(r"\(cost=[^)]*\) ")
_WIDTH = 150  # a condition may hold ten thousand ids


def plans(connection: Connection) -> str:
    """Each hot query with its plan."""
    queries = {
        "A lead by its id": READS["lead"].format(relation=RELATIONS["view"]).replace("$1", "4711"),
        "A user's leads": READS["user"].format(relation=RELATIONS["view"]).replace("$1", "7"),
        **{f"Finding {things}": finding_query(connection, name) for name, things in SWEEPS.items()},
    }
    parts = []
    for title, query in queries.items():
        with connection.transaction(force_rollback=True):
            rows = connection.execute(f"{_EXPLAIN} {query}").fetchall()
        plan = "\n".join(row["QUERY PLAN"] for row in rows)
        parts.append(f"### {title}\n\n```sql\n{query}\n```\n\n```text\n{plan}\n```\n")
    for title, query in _WRITES.items():
        statements = "\n\n".join(_inside(connection, query))
        parts.append(f"### {title}\n\n```text\n{statements}\n```\n")
    return "\n".join(parts)


def _inside(connection: Connection, query: str) -> list[str]:
    """The plans of the statements inside the functions that `query` calls, as they ended."""
    told: list[str] = []

    def listen(notice: Diagnostic) -> None:
        found = _TOLD.match(notice.message_primary or "")
        if found and "SELECT 1 FROM ONLY" not in found["query"] and query.strip() not in found["query"]:
            lines = _COSTS.sub("", found["plan"]).split("\n")
            plan = "\n".join(line if len(line) <= _WIDTH else line[: _WIDTH - 2] + " …" for line in lines)
            if not _NO_TABLE.fullmatch(plan):
                told.append(plan)

    connection.add_notice_handler(listen)
    try:
        with connection.transaction(force_rollback=True):
            connection.execute("load 'auto_explain'")
            for name, value in (
                ("auto_explain.log_min_duration", "0"),
                ("auto_explain.log_nested_statements", "on"),
                ("auto_explain.log_analyze", "on"),
                ("auto_explain.log_buffers", "on"),
                ("auto_explain.log_timing", "off"),
                ("client_min_messages", "log"),
            ):
                connection.execute("select set_config(%s, %s, true)", [name, value])
            told.clear()
            connection.execute(query)
    finally:
        connection.remove_notice_handler(listen)
    return told
