"""What the two sweeps cost: with a thousand leads due in a large and in a small table, and with none."""

from __future__ import annotations

import re

from bench.load import DUE
from bench.measure import Result, Run, Seconds, Statement, cost, duration, in_turns
from jobs.database import Connection

SWEEPS = {"expire_due_protections": "expiries", "dispatch_due_reminders": "reminders"}
_IDLE_ROUNDS = 500


def finding_query(connection: Connection, function: str) -> str:
    """The query by which the function finds its leads, from its own source."""
    row = connection.execute("select prosrc from pg_proc where proname = %s", [function]).fetchone()
    found = re.search(r"for v_clocks in\s(.+?)\sloop\s", row["prosrc"] if row else "", re.DOTALL)
    if not found:
        raise LookupError(f"{function} has no loop `for v_clocks in`")
    return re.sub(r"\bv_at\b", "now()", found[1]).strip()


def measure_due(large: Connection, small: Connection, sizes: tuple[int, int], seconds: float) -> list[Result]:
    """A thousand due among many leads against a thousand due among a tenth of them."""
    results = []
    label = f"{DUE:,} due of {sizes[0]:,} against {sizes[1]:,}"
    for function, things in SWEEPS.items():
        work = {
            "find": f"with found as ({finding_query(large, function)}) select count(*) from found",  # noqa: S608
            "handle": _sweep(function, DUE),
        }
        for verb, query in work.items():
            pairs = in_turns(_rolled_back(large, query), _rolled_back(small, query), seconds)
            results.append(cost(f"{verb} {things}: {label}", pairs, 1.5, 1))
    return results


def measure_idle(connection: Connection, leads: int) -> list[Result]:
    """Handles what is due, for good, then times the sweeps that find nothing."""
    results = []
    for function, things in SWEEPS.items():
        connection.execute(_sweep(function, 1_000_000_000))
        sweep = Statement(connection, _sweep(function, DUE))
        times = [sweep.run_all([[]]) for _ in range(_IDLE_ROUNDS)]
        results.append(duration(f"no {things} due of {leads:,}", times, 1.0))
    return results


def _sweep(function: str, limit: int) -> str:
    return f"select count(*) from public.{function}({limit})"  # noqa: S608  # both are constants


def _rolled_back(connection: Connection, query: str) -> Run:
    statement = Statement(connection, query)

    def run(_number: int) -> Seconds:
        with connection.transaction(force_rollback=True):
            return statement.run_all([[]])

    return run
