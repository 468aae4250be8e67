"""The report as one HTML file: tables, and a chart for each figure, SVG by hand.

No script, nothing loaded from elsewhere; every text goes through ElementTree, which escapes it.
"""

from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from xml.etree import ElementTree as Xml

from jobs.console import printable
from jobs.dates import Dates
from jobs.report import NOTES, WINDOWS, Report, in_order, judged, passed, shown, target

_STYLE = """
@page { size: A4; margin: 12mm }
body { font: 14px/1.4 Helvetica, Arial, "Liberation Sans", "DejaVu Sans", sans-serif; color: #1f2933;
  background: #fff; max-width: 960px; margin: 24px auto; padding: 0 16px }
h1 { font-size: 24px; margin: 0 } h2 { font-size: 16px; margin: 22px 0 6px }
p { margin: 4px 0 } .quiet { color: #5f6c7b } .verdict { font-size: 16px; font-weight: bold; margin: 12px 0 }
table { border-collapse: collapse; width: 100% } td, th { text-align: left; padding: 4px 10px 4px 0;
  border-bottom: 1px solid #dfe4ea; vertical-align: top } th { color: #5f6c7b; font-weight: normal }
.figure { font-weight: bold } .figure, .target { white-space: nowrap }
.ok { color: #22693f } .warn { color: #8a5a12 } .breach { color: #b02a2a; font-weight: bold }
.charts svg { width: 48.5%; height: auto; margin: 4px 1.2% 4px 0; break-inside: avoid }
ul { margin: 4px 0; padding-left: 20px }
@media print { body { font-size: 10px; margin: 0; max-width: none; padding: 0 } h1 { font-size: 18px }
  h2 { font-size: 12px; margin: 10px 0 2px } .verdict { font-size: 12px; margin: 6px 0 }
  td, th { padding: 2px 8px 2px 0 } p { margin: 2px 0 } }
"""
_WIDTH, _HEIGHT = 456, 150
_LEFT, _RIGHT, _TOP, _BOTTOM = 4, 4, 40, 22
# Told apart without colour as well: what misses its target is hollow.
_INK, _QUIET, _LINE = "#1f2933", "#5f6c7b", "#1a4f9c"
_COLOUR = {"OK": "#2f855a", "WARN": "#b7791f", "BREACH": "#c53030", None: "#7b8794"}
_KEY = "Filled: target met, or none was set. Hollow: missed. A dash: no cases."
_CLASS = {"OK": "ok", "WARN": "warn", "BREACH": "breach"}
# A chart each; the others are too few in number to be drawn.
_CHARTS = ("reminders_in_time", "sample_success", "catering_response", "cost_per_lead", "new_leads")


def page(report: Report, dates: Dates) -> str:
    """The page as an HTML document."""
    root = Xml.Element("html", lang="en")
    head = Xml.SubElement(root, "head")
    Xml.SubElement(head, "meta", charset="utf-8")
    title = f"Leadguard: {WINDOWS[report.window][1].lower()}"
    _add(head, "title", title)
    _add(head, "style", _STYLE)
    body = Xml.SubElement(root, "body")
    _add(body, "h1", title)
    _add(body, "p", f"{report.span(dates)}. As of {dates.moment(report.as_of)}.", "quiet")
    _add(body, "p", report.verdict(), "verdict")
    _add(body, "h2", "Against the targets")
    table = _table(body, "", "figure", "target", "verdict", "of")
    for row in report.whole:
        line = Xml.SubElement(table, "tr")
        _add(line, "td", row["title"])
        _add(line, "td", shown(row["value"], row["unit"]), "figure" if row["value"] is not None else "quiet")
        _add(line, "td", target(row), "target")
        _add(line, "td", judged(row), _CLASS.get(row["status"], "quiet"))
        _add(line, "td", row["detail"] or "", "quiet")
    _charts(body, report, dates)
    _add(body, "h2", "What is live")
    table = _table(body, "", "as of now", "")
    for row in report.live:
        line = Xml.SubElement(table, "tr")
        _add(line, "td", row["what"])
        _add(line, "td", row["stands"] or "no data")
        _add(line, "td", in_order(row["status"]), _CLASS.get(row["status"], "quiet"))
    _add(body, "h2", "The go-live plan")
    _add(body, "p", passed(report))
    if report.open_criteria:
        items = Xml.SubElement(body, "ul")
        for row in report.open_criteria:
            _add(items, "li", f"{row['title']}: {row['evidence']}")
    for note in NOTES:
        _add(body, "p", note, "quiet")
    return "<!DOCTYPE html>\n" + Xml.tostring(root, encoding="unicode", method="html") + "\n"


def _add(parent: Xml.Element, tag: str, text: str, kind: str | None = None) -> Xml.Element:
    element = Xml.SubElement(parent, tag)
    if kind:
        element.set("class", kind)
    element.text = text if tag == "style" else printable(text)
    return element


def _table(parent: Xml.Element, *head: str) -> Xml.Element:
    table = Xml.SubElement(parent, "table")
    line = Xml.SubElement(table, "tr")
    for text in head:
        _add(line, "th", text)
    return table


# --- charts -----------------------------------------------------------------------------------------------


def _charts(body: Xml.Element, report: Report, dates: Dates) -> None:
    _add(body, "h2", "Hour by hour" if report.window == "24h" else "Day by day")
    charts = Xml.SubElement(body, "div", {"class": "charts"})
    for row in report.whole:
        if row["kpi"] in _CHARTS:
            _chart(charts, report, row, dates)
    _add(body, "p", _KEY, "quiet")


@dataclass(frozen=True)
class _Scale:
    """Where a part and a figure stand in the chart."""

    step: float
    top: float

    base = _HEIGHT - _BOTTOM

    def x(self, part: int) -> float:
        return _LEFT + (part - 1) * self.step

    def height(self, value: Decimal) -> float:
        return float(value) / self.top * (self.base - _TOP)


def _chart(parent: Xml.Element, report: Report, whole: dict[str, Any], dates: Dates) -> None:
    parts = report.parts(whole["kpi"])
    values = [row["value"] for row in parts if row["value"] is not None]
    count = 24 if report.window == "24h" else (report.until - report.since).days
    scale = _Scale((_WIDTH - _LEFT - _RIGHT) / count, _top(values, whole))
    svg = Xml.SubElement(parent, "svg", {"viewBox": f"0 0 {_WIDTH} {_HEIGHT}", "role": "img"})
    title = f"{whole['title']}: {shown(whole['value'], whole['unit'])}"
    _add(svg, "title", title)
    _text(svg, _LEFT, 14, title, weight="bold", fill=_INK, size=13)
    asked = f"target: {target(whole)}" if whole["comparison"] else ""
    _text(svg, _WIDTH - _RIGHT, 14, asked, anchor="end", fill=_LINE)
    _line(svg, _LEFT, scale.base, _WIDTH - _RIGHT, scale.base, stroke=_QUIET)
    for row in parts:
        _bar(svg, row, scale, dates)
    if not values:
        _text(svg, _WIDTH / 2, _HEIGHT / 2, "no data", anchor="middle", fill=_QUIET, size=13)
    if whole["comparison"] and whole["threshold"] > 0:
        y = scale.base - scale.height(whole["threshold"])
        _line(svg, _LEFT, y, _WIDTH - _RIGHT, y, stroke=_LINE).set("stroke-dasharray", "5 3")
    # Every figure where there is room, else the highest alone; after the line, which would cut it.
    told = [row for row in parts if row["value"] is not None]
    if scale.step < 36:
        told = sorted(told, key=lambda row: row["value"])[-1:] if whole["unit"] != "percent" else []
    for row in told:
        _figure(svg, row, scale)
    every = 1 if count <= 7 else 6
    for part in range(1, count + 1, every):
        at = report.since + (part - 1) * ((report.until - report.since) / count)
        day, _, clock = dates.moment(at).partition(" ")
        said = clock if report.window == "24h" else day[5:] if dates.locale == "en" else day[:6]
        _text(svg, scale.x(part), scale.base + 14, said, fill=_QUIET, size=10)


def _top(values: list[Decimal], whole: dict[str, Any]) -> float:
    """Where the scale ends."""
    if whole["unit"] == "percent":
        return 100.0
    most = max([*(float(value) for value in values), float(whole["threshold"] or 0)])
    return most * 1.08 or 1.0


def _bar(svg: Xml.Element, row: dict[str, Any], scale: _Scale, dates: Dates) -> None:
    width = max(scale.step * 0.72, 2.0)
    left = scale.x(row["part"]) + (scale.step - width) / 2
    told = f"{dates.moment(row['started_at'])}: {shown(row['value'], row['unit'])}"
    if row["value"] is None:
        # A part that was looked at, and had no cases.
        y = scale.base - 4
        _add(_line(svg, left, y, left + width, y, stroke=_QUIET), "title", told)
        return
    # A figure of nought is there, too.
    height = max(scale.height(row["value"]), 1.5)
    is_missed = row["status"] in ("WARN", "BREACH")
    paint = {
        "x": f"{left:.1f}",
        "y": f"{scale.base - height:.1f}",
        "width": f"{width:.1f}",
        "height": f"{height:.1f}",
        "fill": "#ffffff" if is_missed else _COLOUR[row["status"]],
        "stroke": _COLOUR[row["status"]],
        "stroke-width": "1.6",
    }
    detail = f", {row['detail']}" if row["detail"] else ""
    _add(Xml.SubElement(svg, "rect", paint), "title", told + detail)


def _figure(svg: Xml.Element, row: dict[str, Any], scale: _Scale) -> None:
    x, y = scale.x(row["part"]) + scale.step / 2, scale.base - scale.height(row["value"]) - 4
    said = shown(row["value"], row["unit"]).removesuffix(f" {row['unit']}")
    # The edge first and as a text of its own: not every renderer knows paint-order.
    _text(svg, x, y, said, anchor="middle", fill="#ffffff", size=10).attrib.update(
        {"stroke": "#ffffff", "stroke-width": "4", "aria-hidden": "true"}
    )
    _text(svg, x, y, said, anchor="middle", fill=_INK, size=10)


def _line(svg: Xml.Element, x1: float, y1: float, x2: float, y2: float, stroke: str) -> Xml.Element:
    ends = {"x1": f"{x1:.1f}", "y1": f"{y1:.1f}", "x2": f"{x2:.1f}", "y2": f"{y2:.1f}"}
    return Xml.SubElement(svg, "line", {**ends, "stroke": stroke, "stroke-width": "1.2"})


def _text(
    svg: Xml.Element,
    x: float,
    y: float,
    text: str,
    *,
    fill: str,
    size: float = 11,
    anchor: str = "start",
    weight: str = "normal",
) -> Xml.Element:
    place = {"x": f"{x:.1f}", "y": f"{y:.1f}", "fill": fill, "font-size": str(size)}
    element = _add(svg, "text", text)
    element.attrib.update({**place, "text-anchor": anchor, "font-weight": weight})
    return element
