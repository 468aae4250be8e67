"""`leadguard war-room`: one screen with what matters during a peak."""

from decimal import Decimal
from typing import Any

import click
from rich.console import Group, RenderableType
from rich.text import Text

from jobs.console import App, Seconds, common_options, locale_option, pass_app, short_name
from jobs.database import Connection
from jobs.dates import Dates
from jobs.season import milestones, milestones_table
from jobs.status import trouble_lines, troubles
from jobs.tables import Table
from jobs.watch import show, watch

_SEASON = """
    select now() as at, season, is_peak, load_multiplier, ends_at, next_season, next_load_multiplier,
           next_starts_at
      from public.v_current_season
"""
_FIGURES = """
    select area, kpi, dimension, value, unit, threshold, status
      from public.monitoring_war_room
"""

_WORKER = "job_last_success"
_STYLES = {"OK": "green", "WARN": "yellow", "BREACH": "bold red"}
# Everything but the figures: the season, the verdict, headings, the moment.
_FIXED_LINES = 8


def war_room(connection: Connection) -> dict[str, Any]:
    """All of it, of one moment."""
    with connection.transaction():
        connection.execute("set transaction isolation level repeatable read read only")
        season = connection.execute(_SEASON).fetchone()
        assert season is not None
        return {
            "at": season.pop("at"),
            "season": season,
            "figures": connection.execute(_FIGURES).fetchall(),
            "milestones": [
                row for row in milestones(connection) if row["urgency"] in ("OVERDUE", "DUE_SOON")
            ],
            **troubles(connection),
        }


def _amount(value: Decimal | None, unit: str) -> str:
    """A figure as it is read across a room."""
    if value is None:
        return "–"
    if unit == "seconds":
        for name, length in (("days", 86400), ("h", 3600), ("min", 60)):
            if value >= 2 * length:
                return f"{value / length:.0f} {name}"
        return f"{value.normalize():f} s"
    plain = f"{round(value, 2).normalize():f}"
    return plain + {"percent": " %", "EUR": " EUR", "times an ordinary day": "×"}.get(unit, "")


def _line(row: dict[str, Any]) -> dict[str, Any]:
    name = row["kpi"].replace("_", " ") + (f", {row['dimension']}" if row["dimension"] else "")
    target = "" if row["threshold"] is None else _amount(row["threshold"], row["unit"])
    return {**row, "name": name, "now": _amount(row["value"], row["unit"]), "target": target}


def _lines(figures: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """As they are shown, a line each; workers that are in time are one."""
    workers = [row for row in figures if row["kpi"] == _WORKER]
    late = [row for row in workers if row["status"] != "OK"]
    lines = [_line(row) for row in figures if row["kpi"] != _WORKER or row in late]
    if workers and not late:
        lines.append({**workers[0], "name": "workers", "now": f"all {len(workers)} in time", "target": ""})
    return lines


def _fitting(lines: list[dict[str, Any]], room: int) -> list[dict[str, Any]]:
    """What needs nobody gives way on a small screen."""
    calm = [line for status in (None, "OK") for line in reversed(lines) if line["status"] == status]
    gone = calm[: max(0, len(lines) - room)]
    return [line for line in lines if line not in gone]


def _season_line(season: dict[str, Any], dates: Dates) -> Text:
    line = Text(f"{short_name(season['season'])} {season['load_multiplier'].normalize():f}×", style="bold")
    if season["is_peak"]:
        line.append(f" until {dates.day(season['ends_at'])}", style="")
    if season["next_season"]:
        line.append(
            f"; then {short_name(season['next_season'])} {season['next_load_multiplier'].normalize():f}×"
            f" from {dates.day(season['next_starts_at'])}",
            style="",
        )
    return line


def rendered(told: dict[str, Any], dates: Dates, height: int | None = None) -> RenderableType:
    """The screen for people."""
    lines = _lines(told["figures"])
    trouble = trouble_lines(told, dates)
    if height is not None:
        tasks = len(told["milestones"]) + 5 if told["milestones"] else 0
        lines = _fitting(lines, height - _FIXED_LINES - len(trouble) - tasks)
    table = Table("", "Figure", "Now", "Target", "Status")
    for number in (2, 3):
        table.columns[number].justify = "right"
    area = None
    for line in lines:
        style = _STYLES.get(line["status"], "")
        table.add_row(
            line["area"] if line["area"] != area else "",
            Text(line["name"]),
            Text(line["now"], style=style),
            line["target"],
            Text(line["status"] or "", style=style),
        )
        area = line["area"]
    counts = {
        status: sum(row["status"] == status for row in told["figures"]) for status in ("BREACH", "WARN")
    }
    verdict = (
        Text(
            f"{counts['BREACH']} figures in BREACH, {counts['WARN']} in WARN",
            style=_STYLES["BREACH" if counts["BREACH"] else "WARN"],
        )
        if any(counts.values())
        else Text("All figures meet their targets.", style=_STYLES["OK"])
    )
    parts: list[RenderableType] = [_season_line(told["season"], dates), verdict, table, *trouble]
    if told["milestones"]:
        parts.append(milestones_table(told["milestones"], dates, "To be done"))
    parts.append(Text(f"As of {dates.moment(told['at'])} ({dates.where.key}).", style="dim"))
    return Group(*parts)


@click.command("war-room")
@click.option("--once", is_flag=True, help="Show it once and end.")
@click.option(
    "--every",
    "seconds",
    type=Seconds(0.1, 86400),
    default=5,
    show_default=True,
    metavar="SECONDS",
    help="Pause between two looks.",
)
@locale_option
@common_options
@pass_app
def command(app: App, once: bool, seconds: float) -> None:
    """Show what matters during a peak on one screen, drawn anew until Ctrl-C.

    The season and its load against what was planned for, leads and reminders, the outbox, samples, catering
    and cost, the workers, the season's tasks that are overdue or due within a week; each figure with its
    target and its colour: the rows of monitoring_war_room, which Grafana's War Room shows, too.

    \b
    JSON (a line each time): {"at", "season": {…}, "figures": [{"area", "kpi", "dimension", "value", "unit",
    "threshold", "status"}], "milestones": as `leadguard season` has them,
    "inbox", "disabled_sinks", "paused_sinks": as `leadguard status` has them}

    \b
    Exit codes: 0 done (also Ctrl-C), 1 the database refused, 2 wrong usage, 3 unreachable, 7 not migrated.

    \b
    Examples:
      leadguard war-room
      leadguard war-room --every 30
      leadguard war-room --once --json
    """

    def read() -> dict[str, Any]:
        with app.database.session("leadguard war-room") as connection:
            return war_room(connection)

    def draw(told: dict[str, Any], height: int | None) -> RenderableType:
        return rendered(told, app.dates, height)

    if once:
        show(app, read(), draw)
        return
    try:
        watch(app, seconds, read, draw)
    except KeyboardInterrupt:
        # That is how a watch ends.
        return
