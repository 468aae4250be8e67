"""`leadguard rehearse`: does this server carry a peak? A load test with a verdict for each threshold."""

import json
import math
from contextlib import closing
from dataclasses import replace
from typing import Any

import click
from rich.text import Text

from jobs.console import AboveZero, App, Seconds, common_options, pass_app, progress, stdout
from jobs.console import to_json as as_json
from jobs.database import Connection
from jobs.exits import Exit
from jobs.migrate import migrate
from jobs.rehearsal import BOUNDS, Answers, Bound, Phase, Plan, Rehearsal
from jobs.scratch import scratch_database
from jobs.tables import Table

_SEASON = "select season_name, load_multiplier from public.season_load(%s)"
_TARGET = "select threshold from public.v_kpi_thresholds where kpi = 'outbox_lag'"
_CAN_RECORD = "select from public.rehearsals limit 0"
_RECORD = """
    select public.record_rehearsal(
               %(season)s, %(baseline)s, %(factor)s, %(seconds)s, %(verdicts)s::jsonb, %(requests)s::jsonb
           ) as id
"""

_RATE = AboveZero(1_000_000)


class _Factors(click.ParamType[list[float]]):
    """Numbers above zero, with commas between them."""

    name = "factors"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> list[float]:
        return [_RATE.convert(part, param, ctx) for part in str(value).split(",")]


class _Limit(click.ParamType[tuple[str, float]]):
    """NAME=NUMBER, of a threshold."""

    name = "limit"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, float]:
        number: Any
        name, _, number = str(value).partition("=")
        if name not in {bound.name for bound in BOUNDS}:
            self.fail(f"{name!r} is none of {', '.join(bound.name for bound in BOUNDS)}", param, ctx)
        limit = float(click.FLOAT.convert(number, param, ctx))
        if not (0 <= limit < math.inf):
            self.fail(f"{number!r} is not a finite number from zero up", param, ctx)
        return name, limit


@click.command("rehearse")
@click.option(
    "--baseline",
    type=_RATE,
    required=True,
    metavar="RPS",
    help="Requests a second measured on an ordinary day.",
)
@click.option(
    "--factors", type=_Factors(), metavar="N,N", help="Times that; default: 3,4,5, or what --season asks for."
)
@click.option(
    "--season", metavar="NAME", help="The season to rehearse: its load, and its name on the record."
)
@click.option(
    "--seconds",
    type=Seconds(0.5, 86_400),
    default=60,
    show_default=True,
    metavar="SECONDS",
    help="How long each load lasts.",
)
@click.option(
    "--sessions",
    type=click.IntRange(1, 500),
    default=16,
    show_default=True,
    help="Connections that ask at the same time.",
)
@click.option(
    "--leads",
    type=click.IntRange(100, 5_000_000),
    default=20_000,
    show_default=True,
    help="Leads that are there before.",
)
@click.option(
    "--bound",
    "limits",
    type=_Limit(),
    multiple=True,
    metavar="NAME=NUMBER",
    help="Another limit for a threshold, such as lead_view_p95_ms=20; with --record a tighter one.",
)
@click.option(
    "--record",
    is_flag=True,
    help="Keep the outcome in the table rehearsals of the database; for going live counts a minute or more.",
)
@common_options
@pass_app
def command(
    app: App,
    baseline: float,
    factors: list[float] | None,
    season: str | None,
    seconds: float,
    sessions: int,
    leads: int,
    limits: tuple[tuple[str, float], ...],
    record: bool,
) -> None:
    """Rehearse a peak: a multiple of the ordinary load, the workers beside it, a verdict for each threshold.

    It never writes to the database that is named, but for the outcome with --record: it makes a scratch
    database beside it, on the same server, and drops that at the end, also after Ctrl-C. The load on the
    server is real, so take one of the same kind as in service, or an hour in which nobody is disturbed.

    Requests are Module 02's writes, reads of v_user_lead_protection by lead and by user, and operations'
    calls. They arrive at random moments, planned beforehand: one that waits for those before it is slow,
    not late. One that has not begun after ten seconds is given up, and an error. Meanwhile the workers
    remind, expire and publish. Then it is looked up whether each event written was received once, each
    lead written has its protection, and nothing that was due is left.

    \b
    Thresholds (--bound): reads p95 < 200 ms, one lead's view p95 < 50 ms, errors < 2 %, outbox lag as
    kpi_thresholds says (3 s), nothing lost, nothing repeated, verify finds nothing, nothing left over.

    \b
    JSON: {"baseline", "season", "passed", "loads": [{"factor", "rate", "reached", "seconds", "passed",
    "verdicts": [{"threshold", "bound", "measured", "passed", "what"}], "requests", "errors", "events",
    "reminders", "expiries", "rehearsal" (its id, with --record)}]}

    \b
    Exit codes: 0 every threshold was kept, 8 one was missed, 1 the database refused (LP037 season, no
    right to create a database), 2 wrong usage, 3 unreachable, 7 not migrated (--season, --record).

    \b
    Examples:
      leadguard rehearse --baseline 50
      leadguard rehearse --baseline 50 --season Weihnachten --seconds 600 --record
      leadguard rehearse --baseline 50 --factors 5,8 --bound lead_view_p95_ms=20 --json
    """
    given = dict(limits)
    weaker = [bound.name for bound in BOUNDS if given.get(bound.name, bound.limit) > bound.limit]
    if record and weaker:
        raise click.UsageError(
            f"--record is evidence for going live: with it --bound may only be tighter, not {weaker[0]}."
        )
    if season is not None or record:
        with app.database.session("leadguard rehearse") as connection:
            # What would be in vain is better said before than after.
            connection.execute(_CAN_RECORD)
            if season is not None:
                season, multiplier = _season(connection, season)
                factors = factors or [multiplier]
    plan = Plan(baseline, factors or [3, 4, 5], seconds, sessions, leads)
    phases = _rehearse(app, plan, given)
    told = [_told(phase) for phase in phases]
    if record:
        with app.database.session("leadguard rehearse") as connection:
            for load in told:
                load["rehearsal"] = _record(connection, season, baseline, load)
        ids = ", ".join(str(load["rehearsal"]) for load in told)
        app.remark(f"kept as rehearsals {ids}: evidence for a season's tasks and for going live")
    passed = all(phase.passed for phase in phases)
    if app.json:
        click.echo(as_json({"baseline": baseline, "season": season, "passed": passed, "loads": told}))
    else:
        _show(phases, passed)
    if not passed:
        raise click.exceptions.Exit(Exit.NOT_RIGHT)


def _season(connection: Connection, name: str) -> tuple[str, float]:
    row = connection.execute(_SEASON, [name]).fetchone()
    assert row is not None
    return row["season_name"], float(row["load_multiplier"])


def _rehearse(app: App, plan: Plan, limits: dict[str, float]) -> list[Phase]:
    with scratch_database(app.database, "rehearsal") as scratch:
        app.remark(f"scratch database {scratch.name}: migrating, loading {plan.leads:,} leads")
        migrate(scratch.url)
        with scratch.session("leadguard rehearse") as connection:
            target = connection.execute(_TARGET).fetchone()
        if target is not None:
            limits = {"outbox_lag_seconds": float(target["threshold"]), **limits}
        plan = replace(plan, bounds=bounds(limits))
        done = []
        # Closed: whatever ends it, the workers end before their database does.
        with closing(
            Rehearsal(scratch, plan).run(lambda label, total: progress(label, total, app.json))
        ) as phases:
            for phase in phases:
                app.remark(
                    f"{phase.factor:g}x, {phase.rate:g} requests/s for {phase.seconds:g} s:"
                    f" {'passed' if phase.passed else 'MISSED'}"
                )
                done.append(phase)
        return done


def bounds(limits: dict[str, float]) -> list[Bound]:
    """The thresholds, some of them with other limits."""
    return [replace(bound, limit=limits.get(bound.name, bound.limit)) for bound in BOUNDS]


def _record(connection: Connection, season: str | None, baseline: float, load: dict[str, Any]) -> int:
    row = connection.execute(
        _RECORD,
        {
            "season": season,
            "baseline": baseline,
            "factor": load["factor"],
            "seconds": load["seconds"],
            "verdicts": json.dumps(load["verdicts"]),
            "requests": json.dumps(load["requests"]),
        },
    ).fetchone()
    assert row is not None
    return int(row["id"])


def _told(phase: Phase) -> dict[str, Any]:
    return {
        "factor": phase.factor,
        "rate": phase.rate,
        "reached": round(phase.reached, 1),
        "seconds": phase.seconds,
        "passed": phase.passed,
        "verdicts": [
            {
                "threshold": verdict.bound.name,
                "bound": verdict.bound.text,
                "measured": _rounded(verdict.measured),
                "passed": verdict.passed,
                "what": verdict.bound.what,
            }
            for verdict in phase.verdicts
        ],
        "requests": {name: _figures(answers) for name, answers in phase.answers.items()},
        "errors": phase.errors,
        "events": phase.events,
        "reminders": phase.reminders,
        "expiries": phase.expiries,
    }


def _figures(answers: Answers) -> dict[str, float | int | None]:
    return {
        "count": len(answers.milliseconds),
        "errors": answers.errors,
        "p50_ms": _rounded(answers.percentile(0.5)),
        "p95_ms": _rounded(answers.percentile(0.95)),
        "p99_ms": _rounded(answers.percentile(0.99)),
        "max_ms": _rounded(answers.percentile(1)),
    }


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 3)


def _show(phases: list[Phase], passed: bool) -> None:
    table = Table("Threshold", "Bound", *(f"{phase.factor:g}x" for phase in phases), "")
    for column in table.columns[2:-1]:
        column.justify = "right"
    for row in zip(*(phase.verdicts for phase in phases), strict=True):
        cells = [
            Text(_plain(verdict.measured), style="green" if verdict.passed else "bold red") for verdict in row
        ]
        table.add_row(row[0].bound.name, row[0].bound.text, *cells, row[0].bound.what)
    table.add_section()
    for name, what, values in (
        ("rate", "requests a second, planned", [phase.rate for phase in phases]),
        ("reached", "requests a second, answered", [phase.reached for phase in phases]),
        ("events", "written", [phase.events for phase in phases]),
        ("reminders", "sent", [phase.reminders for phase in phases]),
        ("expiries", "recorded", [phase.expiries for phase in phases]),
    ):
        table.add_row(name, "", *(_plain(value) for value in values), what)
    console = stdout()
    console.print(table)
    for phase in phases:
        if phase.errors:
            told = ", ".join(f"{error} {count} times" for error, count in sorted(phase.errors.items()))
            console.print(Text(f"{phase.factor:g}x, errors: {told}"))
    console.print(
        Text("passed", style="bold green") if passed else Text("NOT PASSED: see the red ones", "bold red")
    )


def _plain(value: float | None) -> str:
    if value is None:
        return "not measured"
    return f"{value:,.0f}" if value == int(value) or value >= 1000 else f"{value:.2f}"
