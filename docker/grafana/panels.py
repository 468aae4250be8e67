"""What the dashboards are built from: queries, panels in one set of colours, and a grid without holes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from grafana_foundation_sdk.builders import (
    barchart,
    bargauge,
    common,
    dashboard,
    prometheus,
    stat,
    table,
    timeseries,
)
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.cog.variants import Dataquery
from grafana_foundation_sdk.models import common as common_models
from grafana_foundation_sdk.models import dashboard as models
from grafana_foundation_sdk.models import prometheus as prometheus_models

PROMETHEUS = models.DataSourceRef("prometheus", "leadguard-prometheus")
POSTGRES = models.DataSourceRef("grafana-postgresql-datasource", "leadguard-postgres")

WIDTH = 24  # columns of Grafana's grid
GREEN, YELLOW, ORANGE, RED, BLUE, GREY = "green", "yellow", "orange", "red", "blue", "gray"

# Grafana serves what lies in its public folder; compose.yaml mounts docs/runbooks there.
RUNBOOKS = "/public/runbooks"

Panel = Builder[models.Panel]
Steps = Sequence[tuple[float | None, str]]


# --- queries ----------------------------------------------------------------------------------------------


@dataclass
class SqlQuery(Dataquery):
    """A query of the PostgreSQL data source, for which the SDK has no model."""

    sql: str
    ref_id: str = "A"

    def to_json(self) -> dict[str, object]:
        return {
            "datasource": POSTGRES.to_json(),
            "editorMode": "code",
            "format": "table",
            "rawQuery": True,
            "rawSql": self.sql,
            "refId": self.ref_id,
        }


class Sql(Builder[Dataquery]):
    """SQL on the views that grafana_reader may read."""

    def __init__(self, sql: str) -> None:
        self._query = SqlQuery(" ".join(sql.split()))

    def build(self) -> Dataquery:
        return self._query


def ranged(expression: str, legend: str = "") -> prometheus.Dataquery:
    """A curve; the legend may name labels: {{job}}."""
    return prometheus.Dataquery().expr(expression).legend_format(legend).range().datasource(PROMETHEUS)


def instant(expression: str, legend: str = "") -> prometheus.Dataquery:
    """The value at the end of the chosen time."""
    return prometheus.Dataquery().expr(expression).legend_format(legend).instant().datasource(PROMETHEUS)


def rows(expression: str) -> prometheus.Dataquery:
    """One row a series, for tables."""
    return instant(expression).format(prometheus_models.PromQueryFormat.TABLE)


def _named(queries: Sequence[prometheus.Dataquery]) -> list[Builder[Dataquery]]:
    return [query.ref_id(chr(ord("A") + number)) for number, query in enumerate(queries)]


# --- panels -----------------------------------------------------------------------------------------------


def limits(*steps: tuple[float | None, str]) -> dashboard.ThresholdsConfig:
    """Colours from a value on; the first step, None, is where the scale begins."""
    return (
        dashboard.ThresholdsConfig()
        .mode(models.ThresholdsMode.ABSOLUTE)
        .steps([models.Threshold(value, color) for value, color in steps])
    )


def runbook(name: str) -> dashboard.DashboardLink:
    """From a panel to what is to be done."""
    return (
        dashboard.DashboardLink("Runbook")
        .type(models.DashboardLinkType.LINK)
        .url(f"{RUNBOOKS}/{name}.md")
        .target_blank(True)
    )


def figure(
    title: str, description: str, query: str, unit: str, steps: Steps, book: str, decimals: int | None = None
) -> Panel:
    """One number in the colour of its threshold."""
    panel = (
        stat.Panel()
        .title(title)
        .description(description)
        .datasource(PROMETHEUS)
        .targets(_named([instant(query)]))
        .unit(unit)
        .thresholds(limits(*steps))
        .color_scheme(dashboard.FieldColor().mode(models.FieldColorModeId.THRESHOLDS))
        .color_mode(common_models.BigValueColorMode.BACKGROUND)
        .graph_mode(common_models.BigValueGraphMode.NONE)
        .reduce_options(common.ReduceDataOptions().calcs(["lastNotNull"]))
        .no_value("no data")
        .links([runbook(book)])
    )
    return panel if decimals is None else panel.decimals(decimals)


def curves(
    title: str,
    description: str,
    queries: Sequence[prometheus.Dataquery],
    unit: str,
    book: str,
    *,
    steps: Steps = (),
    stacked: bool = False,
    bars: bool = False,
) -> Panel:
    """Values over time. Steps draw lines: where a target ends."""
    panel = (
        timeseries.Panel()
        .title(title)
        .description(description)
        .datasource(PROMETHEUS)
        .targets(_named(queries))
        .unit(unit)
        .min(0)
        .line_width(0 if bars else 2)
        .fill_opacity(60 if bars or stacked else 8)
        .show_points(common_models.VisibilityMode.NEVER)
        .draw_style(common_models.GraphDrawStyle.BARS if bars else common_models.GraphDrawStyle.LINE)
        .legend(
            common.VizLegendOptions()
            .display_mode(common_models.LegendDisplayMode.TABLE)
            .placement(common_models.LegendPlacement.BOTTOM)
            .show_legend(True)
            .calcs(["lastNotNull", "max"])
        )
        .tooltip(
            common.VizTooltipOptions()
            .mode(common_models.TooltipDisplayMode.MULTI)
            .sort(common_models.SortOrder.DESCENDING)
        )
        .links([runbook(book)])
    )
    if stacked:
        panel = panel.stacking(common.StackingConfig().mode(common_models.StackingMode.NORMAL))
    if steps:
        style = common.GraphThresholdsStyleConfig().mode(common_models.GraphThresholdsStyleMode.DASHED)
        panel = panel.thresholds(limits(*steps)).thresholds_style(style)
    return panel


def bars(
    title: str, description: str, query: prometheus.Dataquery, unit: str, steps: Steps, book: str
) -> Panel:
    """One bar a series, now."""
    return (
        bargauge.Panel()
        .title(title)
        .description(description)
        .datasource(PROMETHEUS)
        .targets(_named([query]))
        .unit(unit)
        .min(0)
        .thresholds(limits(*steps))
        .color_scheme(dashboard.FieldColor().mode(models.FieldColorModeId.THRESHOLDS))
        .orientation(common_models.VizOrientation.HORIZONTAL)
        .display_mode(common_models.BarGaugeDisplayMode.BASIC)
        .reduce_options(common.ReduceDataOptions().calcs(["lastNotNull"]))
        .no_value("no data")
        .links([runbook(book)])
    )


def columns(title: str, description: str, sql: str, x: str, unit: str, book: str) -> Panel:
    """A column for each row: by day, by team."""
    return (
        barchart.Panel()
        .title(title)
        .description(description)
        .datasource(POSTGRES)
        .targets([Sql(sql)])
        .unit(unit)
        .min(0)
        .x_field(x)
        .stacking(common_models.StackingMode.NORMAL)
        .links([runbook(book)])
    )


STATE_COLORS = {
    "PROTECTED": GREEN,
    "REMINDER_DUE": YELLOW,
    "GRACE": ORANGE,
    "EXPIRED": RED,
    "CONVERTED": BLUE,
    "OK": GREEN,
    "WARN": YELLOW,
    "BREACH": RED,
    "DONE": GREEN,
    "DUE_SOON": YELLOW,
    "OVERDUE": RED,
    "critical": RED,
    "warning": ORANGE,
    "info": BLUE,
}


def _colored() -> models.ValueMap:
    return models.ValueMap(
        options={text: models.ValueMappingResult(color=color) for text, color in STATE_COLORS.items()}
    )


def listing(
    title: str,
    description: str,
    query: Builder[Dataquery],
    book: str,
    *,
    colored: Sequence[str] = (),
    units: dict[str, str] | None = None,
    hidden: Sequence[str] = (),
    lead_link: bool = False,
) -> Panel:
    """A table. Coloured columns hold states; a lead's id leads to its timeline."""
    source = POSTGRES if isinstance(query, Sql) else PROMETHEUS
    panel = (
        table.Panel()
        .title(title)
        .description(description)
        .datasource(source)
        .targets([query])
        .show_header(True)
        .filterable(True)
        .no_value("–")
        .links([runbook(book)])
    )
    for name in colored:
        panel = panel.override_by_name(
            name,
            [
                models.DynamicConfigValue("mappings", [_colored()]),
                models.DynamicConfigValue("custom.cellOptions", {"type": "color-text"}),
            ],
        )
    for name, unit in (units or {}).items():
        panel = panel.override_by_name(name, [models.DynamicConfigValue("unit", unit)])
    if lead_link:
        url = "/d/leadguard-lead-protection?var-lead=${__value.raw}&${__url_time_range}"
        link = {"title": "This lead's timeline", "url": url}
        panel = panel.override_by_name("lead_id", [models.DynamicConfigValue("links", [link])])
    if hidden:
        organize = models.DataTransformerConfig(
            "organize", options={"excludeByName": dict.fromkeys(hidden, True)}
        )
        panel = panel.with_transformation(organize)
    return panel


# --- the grid ---------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Line:
    """Panels side by side, of one height; their widths fill the grid."""

    height: int
    panels: Sequence[tuple[int, Panel]]

    def __post_init__(self) -> None:
        assert sum(width for width, _ in self.panels) == WIDTH


@dataclass(frozen=True)
class Section:
    """A row with a title, and the lines below it."""

    title: str
    lines: Sequence[Line] = field(default_factory=tuple)


def arrange(board: dashboard.Dashboard, sections: Sequence[Section]) -> models.Dashboard:
    """Places everything from top to bottom, and numbers the panels in that order."""
    y = 0
    number = 1
    built = board.build()
    built.panels = []
    for section in sections:
        row = dashboard.Row(section.title).id(number).grid_pos(models.GridPos(1, WIDTH, 0, y)).build()
        row.collapsed = False
        built.panels.append(row)
        y, number = y + 1, number + 1
        for line in section.lines:
            x = 0
            for width, panel in line.panels:
                one = panel.build()
                one.id_val = number
                one.grid_pos = models.GridPos(line.height, width, x, y)
                built.panels.append(one)
                x, number = x + width, number + 1
            y += line.height
    return built
