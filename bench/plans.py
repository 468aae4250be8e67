"""The plans of the hot queries, as Markdown for bench/README.md."""

from __future__ import annotations

from bench.cases import READS, RELATIONS
from bench.sweeps import SWEEPS, finding_query
from jobs.database import Connection

_EXPLAIN = "explain (analyze, buffers, costs off, timing off, summary off)"


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
    return "\n".join(parts)
