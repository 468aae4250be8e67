"""`leadguard report`: one page for management, how it has gone since go-live."""

import math
import sys
from collections import Counter
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import click

from jobs.console import App, common_options, locale_option, pass_app, printable, write_document
from jobs.console import to_json as as_json
from jobs.database import Connection
from jobs.dates import Dates
from jobs.errors import UsageProblem
from jobs.sweep import moment

Rows = list[dict[str, Any]]

# How long each window is, and what it is called on the page.
WINDOWS = {
    "24h": (timedelta(hours=24), "The first 24 hours"),
    "7d": (timedelta(days=7), "The first week"),
    "30d": (timedelta(days=30), "The first 30 days"),
}

_SINCE = "select nullif(value, '')::timestamptz as at from public.settings where name = 'go_live_at'"
_NOW = "select now() as at"
_FIGURES = """
    select kpi, title, part, started_at, ended_at, value, unit, comparison, threshold, status, detail
      from public.performance_since(%(since)s, %(window)s)
"""
_CRITERIA = "select criterion, title, status, evidence, action from public.go_live_criteria"
# A row a thing: what it is, how it stands or for how many seconds the oldest waits, whether that is in order.
_LIVE = """
    select 'Leads under protection' as what, sum(m.value)::text as stands, null::numeric as seconds,
           null as status
      from public.monitoring_user_lead as m
     where m.kpi = 'leads_by_state' and m.dimension in ('PROTECTED', 'REMINDER_DUE', 'GRACE')
     union all
    select 'Oldest reminder due and not sent', null, m.value, m.status
      from public.monitoring_user_lead as m
     where m.kpi = 'reminder_oldest_unsent'
     union all
    select 'Workers', count(*) filter (where j.status = 'OK') || ' of ' || count(*) || ' at work'
           || coalesce(
               ', silent: ' || string_agg(j.job, ', ' order by j.job) filter (where j.status <> 'OK'), ''
           ),
           null,
           case
               when bool_or(j.status = 'BREACH') then 'BREACH'
               when bool_or(j.status = 'WARN') then 'WARN'
               when count(*) > 0 then 'OK'
           end
      from public.v_expected_jobs as j
     union all
    select 'Oldest event not yet published', null, o.value, o.status
      from public.monitoring_outbox as o
     where o.kpi = 'outbox_lag'
     union all
    select case o.kpi
               when 'outbox_dead_letters' then 'Events given up' else 'Events published in 24 hours'
           end,
           trim_scale(o.value)::text, null, o.status
      from public.monitoring_outbox as o
     where o.kpi in ('outbox_dead_letters', 'outbox_published_24h')
     union all
    select 'Season', s.season || ', load ' || trim_scale(s.load_multiplier) || ' times the ordinary',
           null, null
      from public.v_current_season as s
"""


@dataclass(frozen=True)
class Report:
    """What the page says; all of one moment."""

    window: str
    since: datetime
    as_of: datetime
    figures: Rows
    live: Rows
    criteria: Rows

    @property
    def until(self) -> datetime:
        return self.since + WINDOWS[self.window][0]

    @property
    def whole(self) -> Rows:
        """The figures of the whole window."""
        return [row for row in self.figures if row["part"] == 0]

    def parts(self, kpi: str) -> Rows:
        """One figure, hour by hour or day by day."""
        return [row for row in self.figures if row["kpi"] == kpi and row["part"] > 0]

    @property
    def open_criteria(self) -> Rows:
        """What of the go-live plan has not passed."""
        return [row for row in self.criteria if row["status"] != "PASS"]

    def verdict(self) -> str:
        """The page in a sentence."""
        asked = [row for row in self.whole if row["comparison"]]
        tally = Counter(row["status"] for row in asked)
        missed = [row["title"] for row in asked if row["status"] in ("WARN", "BREACH")]
        told = f"{tally['OK']} of {len(asked)} targets are met"
        if missed:
            told += f"; missed: {', '.join(missed)}"
        if tally[None]:
            told += f"; {tally[None]} cannot be judged, as there were no cases"
        return told + "."

    def span(self, dates: Dates) -> str:
        """Which time the figures are of."""
        told = f"{dates.moment(self.since)} to {dates.moment(self.until)} ({dates.where.key})"
        if self.as_of < self.until:
            hours = int((self.as_of - self.since).total_seconds() // 3600)
            so_far = [_counted(hours // 24, "day")] if hours >= 24 else []
            told += f", still under way: {' and '.join([*so_far, _counted(hours % 24, 'hour')])} so far"
        return told


def _counted(number: int, what: str) -> str:
    return f"{number} {what}" + ("" if number == 1 else "s")


def read(connection: Connection, since: datetime | None, window: str | None) -> Report:
    """The report's data; `since` defaults to the go-live of the settings, the window to the one under way."""
    with connection.transaction():
        connection.execute("set transaction isolation level repeatable read read only")
        row = connection.execute(_NOW).fetchone()
        assert row is not None
        as_of: datetime = row["at"]
        if since is None:
            found = connection.execute(_SINCE).fetchone()
            since = found["at"] if found else None
        if since is None:
            raise UsageProblem(
                "when go-live was is not known",
                "Give --since DATE, or: update settings set value = '2026-12-01 06:00+01'"
                " where name = 'go_live_at'",
            )
        if since > as_of:
            raise UsageProblem(
                f"nothing has been measured yet: {since.isoformat(sep=' ', timespec='minutes')} lies ahead",
                "Until then: leadguard go-live. Of another time: --since DATE.",
            )
        if window is None:
            longest = next(reversed(WINDOWS))
            window = next((name for name in WINDOWS if since + WINDOWS[name][0] > as_of), longest)
        figures = connection.execute(_FIGURES, {"since": since, "window": window}).fetchall()
        live = [_waiting(row) for row in connection.execute(_LIVE).fetchall()]
        criteria = connection.execute(_CRITERIA).fetchall()
    return Report(window, since, as_of, figures, live, criteria)


def _waiting(row: dict[str, Any]) -> dict[str, Any]:
    """A row of what is live; one that says how long the oldest waits says it as people read it."""
    seconds = row.pop("seconds")
    if seconds is not None:
        row["stands"] = shown(Decimal(math.ceil(seconds)), "seconds") if seconds > 0 else "none waits"
    return row


def shown(value: Decimal | None, unit: str) -> str:
    """A figure as people read it."""
    if value is None:
        return "no data"
    number = f"{Decimal(value).normalize():f}"
    if unit == "percent":
        return f"{number} %"
    if unit != "seconds":
        # What is counted is named beside it.
        return f"{number} EUR" if unit == "EUR" else number
    minutes, seconds = divmod(int(value), 60)
    if minutes < 60:
        return (
            f"{minutes} min"
            if minutes and not seconds
            else f"{minutes} min {seconds} s"
            if minutes
            else f"{seconds} s"
        )
    return f"{minutes // 60} h" + (f" {minutes % 60} min" if minutes % 60 else "")


_COMPARED = {">": "more than", ">=": "at least", "<": "less than", "<=": "at most"}


def target(row: dict[str, Any]) -> str:
    """What was asked for."""
    if row["comparison"] is None:
        return "–"
    if row["comparison"] == "<=" and row["threshold"] == 0:
        return "none"
    return f"{_COMPARED[row['comparison']]} {shown(row['threshold'], row['unit'])}"


def judged(row: dict[str, Any]) -> str:
    """The verdict on a figure, in words."""
    if row["comparison"] is None:
        return ""
    return {"OK": "met", "WARN": "missed narrowly", "BREACH": "missed"}.get(row["status"], "no data")


NOTES = (
    "Targets are those of today. No data: there were no cases to judge by, which is neither met nor missed.",
    "Days are of 24 hours, counted from the start.",
)


def markdown(report: Report, dates: Dates) -> str:
    """The page as Markdown."""
    lines = [
        f"# Leadguard: {WINDOWS[report.window][1].lower()}",
        "",
        f"{report.span(dates)}. As of {dates.moment(report.as_of)}.",
        "",
        f"**{report.verdict()}**",
        "",
        "## Against the targets",
        "",
        *_rows(
            ("", "figure", "target", "verdict", "of"),
            [
                (
                    row["title"],
                    shown(row["value"], row["unit"]),
                    target(row),
                    judged(row),
                    row["detail"] or "",
                )
                for row in report.whole
            ],
        ),
        "## What is live",
        "",
        *_rows(
            ("", "as of now", ""),
            [(row["what"], row["stands"] or "no data", in_order(row["status"])) for row in report.live],
        ),
        "## The go-live plan",
        "",
        passed(report),
        "",
        *(f"- {_cell(row['title'])}: {_cell(row['evidence'])}" for row in report.open_criteria),
        *([""] if report.open_criteria else []),
        *(f"{note}\n" for note in NOTES),
    ]
    return "\n".join(lines).rstrip() + "\n"


def in_order(status: str | None) -> str:
    """How a thing that is live stands."""
    return {"OK": "in order", "WARN": "look at it", "BREACH": "not in order"}.get(status or "", "")


def passed(report: Report) -> str:
    """How many criteria of the plan pass."""
    count = len(report.criteria) - len(report.open_criteria)
    told = f"{count} of {len(report.criteria)} criteria pass."
    return told + (" What does not yet:" if report.open_criteria else "")


def _rows(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> list[str]:
    lines = [head, tuple("---" for _ in head), *rows]
    return [*(f"| {' | '.join(_cell(text) for text in line)} |" for line in lines), ""]


# What would be markup: text that people typed is shown as they typed it.
_MARKUP = str.maketrans({sign: f"\\{sign}" for sign in "\\`*_[]<>|#"})


def _cell(text: str) -> str:
    return printable(text).translate(_MARKUP)


def _since(context: click.Context, parameter: click.Parameter, value: str) -> datetime | None:
    return None if value == "go-live" else moment(value)


@click.command("report")
@click.option(
    "--since",
    default="go-live",
    show_default=True,
    metavar="go-live|DATE",
    callback=_since,
    help="From when on; go-live: as the setting go_live_at says.",
)
@click.option(
    "--window",
    type=click.Choice(list(WINDOWS)),
    help="How much of it; default: the shortest that is not over, else the longest.",
)
@click.option(
    "--format", "form", type=click.Choice(["markdown", "html"]), default="markdown", show_default=True
)
@click.option(
    "--output",
    type=click.Path(dir_okay=False, allow_dash=True, path_type=Path),
    metavar="FILE",
    default="-",
    show_default=True,
    help="Write into this file; - is stdout.",
)
@locale_option
@common_options
@pass_app
def command(app: App, since: datetime | None, window: str | None, form: str, output: Path) -> None:
    """Write one page for management: what is live, and how it has gone since go-live against the targets.

    The HTML has charts, and is one file without scripts that loads nothing: for a mail or a printer.

    \b
    JSON: {"since", "until", "as_of", "window", "verdict", "figures": [the rows of performance_since], "live",
    "criteria"}; with --output FILE the page is written as well.

    \b
    Exit codes: 0 done, 1 the database refused (LP006 moment), 2 the file cannot be written, or no go-live is
    set, or it lies ahead, 3 unreachable, 7 not migrated.

    \b
    Examples:
      leadguard report
      leadguard report --window 7d --format html --output first-week.html
      leadguard report --since "01.12.2026 06:00" --window 24h --json
    """
    with app.database.session("leadguard report") as connection:
        report = read(connection, since, window)
    is_file = str(output) != "-"
    if is_file or not app.json:
        if form == "html":
            # Imported here, as the other form needs none of it.
            from jobs.report_html import page

            text = page(report, app.dates)
        else:
            text = markdown(report, app.dates)
        write_document(output, text)
    if app.json:
        members = {
            "since": report.since,
            "until": report.until,
            "as_of": report.as_of,
            "window": report.window,
            "verdict": report.verdict(),
            "figures": report.figures,
            "live": report.live,
            "criteria": report.criteria,
        }
        click.echo(as_json(members))
    elif is_file:
        click.echo(f"{report.verdict()}\nwritten into {output}", file=sys.stdout)
